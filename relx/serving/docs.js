"use strict";
// Shows what /openapi.json describes.
(async () => {
  const made = (name, text, inside) => {
    const element = document.createElement(name);
    element.textContent = text ?? "";
    element.append(...(inside ?? []));
    return element;
  };
  const described = await (await fetch("/openapi.json")).json();
  for (const [path, methods] of Object.entries(described.paths)) {
    for (const [method, about] of Object.entries(methods)) {
      const parts = [made("h2", `${method.toUpperCase()} ${path}`), made("p", about.summary), made("p", about.description)];
      const bodies = Object.entries(about.requestBody?.content ?? {});
      if (bodies.length) {
        parts.push(made("p", `Body: ${bodies.map(([type]) => type).join(", ")}`));
        const example = bodies.find(([, body]) => body.example)?.[1].example;
        parts.push(made("pre", `curl ${location.origin}${path} -d '${JSON.stringify(example)}'`));
      }
      const rows = (about.parameters ?? []).map((parameter) =>
        made("tr", "", [made("td", parameter.name), made("td", parameter.description)]));
      if (rows.length) parts.push(made("table", "", [made("tr", "", [made("th", "query"), made("th", "")]), ...rows]));
      const answers = Object.entries(about.responses ?? {}).map(([status, response]) =>
        made("tr", "", [made("td", status), made("td", response.description)]));
      parts.push(made("table", "", [made("tr", "", [made("th", "status"), made("th", "")]), ...answers]));
      document.getElementById("paths").append(made("article", "", parts));
    }
  }
})();
