"use strict";
// Unpacks the errors, and shows those that the filters keep, a few at a time.
(async () => {
  const by = (id) => document.getElementById(id);
  const step = 30;
  const bytes = Uint8Array.from(atob(by("packed").textContent.trim()), (c) => c.charCodeAt(0));
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const cards = JSON.parse(await new Response(unpacked).text());
  let kept = [];
  let shown = 0;

  function fits([kind, suspected, relations]) {
    const wanted = by("kind").value;
    const relation = by("relation").value;
    const kindFits = wanted === "" || (wanted === "suspected" ? suspected : kind === wanted);
    return kindFits && (relation === "" || relations.includes(relation));
  }

  function more() {
    by("list").insertAdjacentHTML("beforeend", kept.slice(shown, shown + step).map((card) => card.html).join(""));
    shown = Math.min(shown + step, kept.length);
    by("more").hidden = shown === kept.length;
    by("more").textContent = `Show more (${kept.length - shown} left)`;
  }

  function filter() {
    kept = cards.filter((card) => card.errors.some(fits));
    const errors = kept.reduce((sum, card) => sum + card.errors.filter(fits).length, 0);
    by("count").textContent = `${errors} errors in ${kept.length} sentences`;
    by("list").replaceChildren();
    shown = 0;
    more();
  }

  by("kind").addEventListener("change", filter);
  by("relation").addEventListener("change", filter);
  by("more").addEventListener("click", more);
  for (const link of document.querySelectorAll("a[data-kind]")) {
    link.addEventListener("click", () => { by("kind").value = link.dataset.kind; filter(); });
  }
  by("filters").hidden = false;
  filter();
})();
