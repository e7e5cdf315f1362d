"use strict";
// The page: suggestions as drawings and lists, decisions on them, downloads, and the review of a file.
(() => {
  const by = (id) => document.getElementById(id);
  const step = 30;
  let token = "";
  let known = [];       // the models of the service
  let review = null;    // what /review says, if a file is reviewed
  let cards = [];
  let shown = 0;
  let current = 0;      // the number of the sentence under review
  let editing = null;   // what the dialog is about
  let changed = false;  // whether decisions would be lost

  // ---- the service

  async function ask(path, body, type = "application/json") {
    const options = { method: body === undefined ? "GET" : "POST", headers: {} };
    if (token) options.headers.authorization = `Bearer ${token}`;
    if (body !== undefined) {
      options.headers["content-type"] = type;
      options.body = typeof body === "string" ? body : JSON.stringify(body);
    }
    const response = await fetch(path, options);
    if (response.status === 401) {
      await login(token !== "");
      return ask(path, body, type);
    }
    if (!response.ok) {
      const text = await response.text();
      let error = text;
      try { error = JSON.parse(text).error ?? text; } catch { /* not JSON: shown as it is */ }
      throw new Error(error);
    }
    return response;
  }

  const json = async (...request) => (await ask(...request)).json();

  function login(wrong) {
    by("ask").textContent = wrong ? "Token: the one given is wrong" : "Token";
    by("login").showModal();
    return new Promise((resolve) => by("login").addEventListener("close", () => {
      token = by("token").value.trim();
      resolve();
    }, { once: true }));
  }

  function say(text, bad = false) {
    by("message").textContent = text;
    by("message").classList.toggle("bad", bad);
  }

  // Runs what a button starts, shows its errors, and keeps it from being started twice.
  const busy = (work) => async (event) => {
    const button = event?.currentTarget instanceof HTMLButtonElement ? event.currentTarget : null;
    if (button) button.disabled = true;
    try {
      await work(event);
    } catch (error) {
      say(error.message, true);
    } finally {
      if (button) button.disabled = false;
    }
  };

  // ---- sentences

  function cardOf({ record, glued, chosen }, number) {
    const marked = (items, own) => items.map((item, i) => ({ ...item, chosen: own[i], status: "" }));
    return { record, glued, number, entities: marked(record.entities, chosen.entities),
      relations: marked(record.relations, chosen.relations) };
  }

  function fits(item) {
    if (item.status) return item.status !== "rejected";
    return by("own").checked ? item.chosen : item.score === undefined || item.score >= Number(by("score").value);
  }

  const relationFits = (card, relation) => fits(relation)
    && [relation.head, relation.tail].every((end) => card.entities[end].status !== "rejected");

  // The numbers of the mentions to show: those that fit, and the arguments of relations that do.
  function mentions(card) {
    const ends = card.relations.filter((relation) => relationFits(card, relation)).flatMap(({ head, tail }) => [head, tail]);
    return card.entities.map((_, i) => i).filter((i) => fits(card.entities[i]) || ends.includes(i));
  }

  const look = (item) => (item.status ? "accepted" : "");
  const wordsOf = (card, entity) => (entity.start === undefined ? entity.text
    : entity.text ?? card.record.tokens.slice(entity.start, entity.end).join(" "));

  function drawingOf(card) {
    const placed = mentions(card).filter((i) => card.entities[i].start !== undefined);
    const relations = card.relations.map((_, i) => i).filter((i) => {
      const relation = card.relations[i];
      return relationFits(card, relation) && placed.includes(relation.head) && placed.includes(relation.tail);
    });
    card.placed = placed;
    card.arcs = relations;
    return {
      tokens: card.record.tokens, glued: card.glued, types: entityTypes(),
      spans: placed.map((i) => ({ start: card.entities[i].start, end: card.entities[i].end,
        type: card.entities[i].type ?? "", look: look(card.entities[i]) })),
      arcs: relations.map((i) => ({ head: placed.indexOf(card.relations[i].head), tail: placed.indexOf(card.relations[i].tail),
        type: card.relations[i].type, look: look(card.relations[i]) })),
    };
  }

  // The sentence with what is not rejected; a score says that nobody has decided yet.
  function result(card) {
    const kept = mentions(card);
    const plain = ({ chosen, status, score, ...rest }) => (status || score === undefined ? rest : { ...rest, score });
    return {
      ...card.record,
      entities: kept.map((i) => plain(card.entities[i])),
      relations: card.relations.filter((relation) => relationFits(card, relation)).map((relation) => ({ ...plain(relation),
        head: kept.indexOf(relation.head), tail: kept.indexOf(relation.tail) })),
    };
  }

  const model = () => known.find(({ name }) => name === by("model").value) ?? known[0];
  const entityTypes = () => model()?.entity_types ?? [];

  // ---- drawing

  function made(name, text = "", attributes = {}) {
    const element = document.createElement(name);
    element.textContent = text;
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  }

  function button(text, label, act) {
    const element = made("button", text, { type: "button", "aria-label": label });
    element.addEventListener("click", act);
    return element;
  }

  async function render(list) {
    const width = Math.max(320, Math.min(by("cards").clientWidth - 32, 960));
    const pictures = await json(`/page/draw?width=${Math.round(width)}`, list.map(drawingOf));
    list.forEach((card, i) => fill(card, pictures[i]));
  }

  function fill(card, picture) {
    const frame = made("div", "", { class: "picture" });
    frame.innerHTML = picture;
    const svg = frame.querySelector("svg");
    svg.setAttribute("aria-label", `Drawing of: ${card.record.tokens.join(" ").slice(0, 200)}`);
    svg.setAttribute("role", "group");
    for (const group of svg.querySelectorAll("[data-number]")) {
      const isArc = group.classList.contains("a");
      const number = (isArc ? card.arcs : card.placed)[Number(group.dataset.number)];
      const name = isArc ? tripleText(card, card.relations[number]) : mentionText(card, card.entities[number]);
      group.setAttribute("tabindex", "0");
      group.setAttribute("role", "button");
      group.setAttribute("aria-label", name);
      const open = () => (isArc ? editRelation(card, number) : editEntity(card, number));
      group.addEventListener("click", open);
      group.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") { event.preventDefault(); open(); }
      });
    }
    const header = made("header");
    header.append(made("span", card.record.id ?? ""));
    header.append(button("Add a triple", "Add a triple", () => editRelation(card, null)));
    header.append(button("Add a mention", "Add a mention", () => editEntity(card, null)));
    if (review) header.append(button(isDone(card) ? "Reviewed: take back" : "Save as reviewed", "", busy(() => toggleDone(card))));
    const triples = listOf(card, card.relations, (relation) => relationFits(card, relation), tripleText, editRelation);
    const there = mentions(card);
    const entities = listOf(card, card.entities, (_, i) => there.includes(i), mentionText, editEntity);
    const details = made("details");
    details.open = card.element?.querySelector("details")?.open ?? false;
    details.append(made("summary", `Mentions (${there.length})`), entities);
    card.element ??= made("article");
    card.element.classList.toggle("done", isDone(card));
    card.element.replaceChildren(header, frame, triples, details);
  }

  const mentionText = (card, entity) => `${wordsOf(card, entity)} (${entity.type ?? "no type"})`;
  const tripleText = (card, { head, type, tail }) =>
    `${wordsOf(card, card.entities[head])} → ${type} → ${wordsOf(card, card.entities[tail])}`;

  function listOf(card, items, isShown, text, edit) {
    const list = made("ul");
    items.forEach((item, i) => {
      if (!isShown(item, i) && item.status !== "rejected") return;
      const row = made("li", "", { tabindex: "0", class: item.status === "rejected" ? "rejected" : look(item) });
      const score = item.score === undefined || item.status === "added" ? "" : item.score.toFixed(2);
      const name = text(card, item);
      row.append(made("span", name, { class: "what" }), made("span", score, { class: "score" }));
      const decide = (status) => busy(async () => {
        item.status = item.status === status ? "" : status;
        await touched(card);
        card.element.querySelectorAll("ul")[items === card.relations ? 0 : 1].children[place(list, row)]?.focus();
      });
      const acts = { a: decide("accepted"), r: decide("rejected"), e: () => edit(card, i) };
      row.append(button("Accept", `Accept ${name}`, acts.a));
      row.append(button(item.status === "rejected" ? "Restore" : "Reject", `Reject ${name}`, acts.r));
      row.append(button("Correct", `Correct ${name}`, acts.e));
      row.addEventListener("keydown", (event) => {
        if (event.target !== row || event.ctrlKey || event.metaKey || event.altKey) return;
        if (acts[event.key] || event.key === "Enter") { event.preventDefault(); (acts[event.key] ?? acts.e)(); }
        const next = { ArrowDown: row.nextElementSibling, ArrowUp: row.previousElementSibling }[event.key];
        if (next) { event.preventDefault(); next.focus(); }
      });
      list.append(row);
    });
    return list;
  }

  const place = (list, row) => [...list.children].indexOf(row);

  async function touched(card) {
    changed = true;
    if (review && isDone(card)) await save(card);
    await render([card]);
  }

  async function show(list) {
    cards = list;
    shown = 0;
    by("cards").replaceChildren();
    by("tools").hidden = cards.length === 0 && !review;
    await more();
  }

  async function more() {
    const list = cards;
    const next = list.slice(shown, shown + step);
    if (next.length) await render(next);
    if (list !== cards) return;  // another list was asked for meanwhile
    by("cards").append(...next.map((card) => card.element));
    shown += next.length;
    by("more").hidden = shown === cards.length;
    by("more").textContent = `Show more (${cards.length - shown} left)`;
  }

  const again = () => render(cards.slice(0, shown));

  // ---- the dialog

  function options(select, card) {
    select.replaceChildren(...card.entities.map((entity, i) => [entity, i])
      .filter(([entity]) => entity.status !== "rejected")
      .map(([entity, i]) => made("option", `${mentionText(card, entity)}${placeOf(card, entity)}`, { value: i })));
  }

  // The number of the first word, where another mention has the same words.
  function placeOf(card, entity) {
    const alike = card.entities.filter((other) => mentionText(card, other) === mentionText(card, entity));
    return alike.length > 1 && entity.start !== undefined ? `, word ${entity.start + 1}` : "";
  }

  function open(title, card, existing, isRelation) {
    by("title").textContent = title;
    by("said").textContent = card.record.tokens.join(" ");
    by("relation").hidden = !isRelation;
    by("entity").hidden = isRelation;
    by("accept").hidden = by("reject").hidden = existing === null;
    by("wrong").textContent = "";
    by("editor").returnValue = "cancel";
    by("editor").showModal();
  }

  function editRelation(card, number) {
    if (card.entities.filter(({ status }) => status !== "rejected").length < 2) {
      say("A triple needs two mentions; add them first.", true);
      return;
    }
    const relation = number === null ? { head: 0, type: "", tail: 1 } : card.relations[number];
    editing = { card, number, isRelation: true };
    options(by("head"), card);
    options(by("tail"), card);
    if (number === null) by("tail").selectedIndex = 1;
    else [by("head").value, by("tail").value] = [relation.head, relation.tail];
    by("label").value = relation.type;
    open(number === null ? "Add a triple" : tripleText(card, relation), card, number, true);
    by("label").focus();
  }

  function editEntity(card, number, back = null) {
    const entity = number === null ? { type: "" } : card.entities[number];
    editing = { card, number, isRelation: false, start: entity.start, end: entity.end, last: null, back };
    by("type").value = entity.type ?? "";
    by("words").replaceChildren(...card.record.tokens.map((word, i) => button(word, "", () => choose(i))));
    mark();
    open(number === null ? "Add a mention" : mentionText(card, entity), card, number, false);
  }

  // The first word that is chosen begins the mention; the next one ends it.
  function choose(i) {
    const first = editing.last ?? i;
    [editing.start, editing.end] = [Math.min(first, i), Math.max(first, i) + 1];
    editing.last = editing.last === null ? i : null;
    mark();
  }

  function mark() {
    [...by("words").children].forEach((word, i) =>
      word.setAttribute("aria-pressed", String(i >= editing.start && i < editing.end)));
  }

  // Returns what is wrong, or keeps what the dialog says.
  function keep() {
    const { card, number, isRelation } = editing;
    const items = isRelation ? card.relations : card.entities;
    const type = by(isRelation ? "label" : "type").value.trim();
    let made;
    if (isRelation) {
      made = { head: Number(by("head").value), type, tail: Number(by("tail").value) };
      if (!type) return "Name the relation.";
      if (made.head === made.tail) return "Choose two mentions.";
    } else {
      if (editing.start === undefined) return "Choose the words of the mention.";
      made = type ? { start: editing.start, end: editing.end, type } : { start: editing.start, end: editing.end };
    }
    const keys = Object.keys(made);
    const twin = items.findIndex((item, i) => i !== number && item.status !== "rejected" && keys.every((key) => item[key] === made[key])
      && (isRelation || type !== "" || !item.type));
    if (twin >= 0) {
      if (fits(items[twin])) return "It is there already.";
      items[twin].status = "accepted";  // a candidate below the minimum score
      if (number !== null) items[number].status = "rejected";
    } else if (number === null) {
      items.push({ ...made, status: "added", chosen: true });
    } else if (keys.every((key) => items[number][key] === made[key]) && (items[number].type ?? "") === type) {
      items[number].status = "accepted";
    } else {
      const { id, chosen } = items[number];
      items[number] = { ...(id === undefined ? {} : { id }), ...made, chosen, status: "changed" };
    }
    return "";
  }

  function closeEditor(event) {
    const value = event.submitter?.value;
    const { card, number, isRelation, back } = editing;
    const items = isRelation ? card.relations : card.entities;
    if (value === "save") {
      const wrong = keep();
      if (wrong) {
        event.preventDefault();
        by("wrong").textContent = wrong;
        return;
      }
    } else if (value === "accept") {
      items[number].status = "accepted";
    } else if (value === "reject") {
      items[number].status = "rejected";
    } else {
      return;
    }
    busy(async () => {
      await touched(card);
      if (back) back();
    })();
  }

  function wordsOfArgument(select) {
    const { card, number } = editing;
    by("editor").close("cancel");
    editEntity(card, Number(select.value), number === null ? null : () => editRelation(card, number));
  }

  // ---- input and downloads

  async function predict(text, type) {
    if (!text.trim()) throw new Error("Paste a text first.");
    say("…");
    const { sentences, notes } = await json(`/page/suggest?model=${encodeURIComponent(by("model").value)}`, text, type);
    changed = false;
    await show(sentences.map((sentence, i) => cardOf(sentence, i)));
    const triples = cards.flatMap((card) => card.relations.filter((relation) => relationFits(card, relation))).length;
    say([`${cards.length} sentences, ${triples} triples`, ...notes].join("; "));
  }

  async function read(file) {
    const name = file.name.toLowerCase();
    const type = name.endsWith(".json") ? "application/json" : /\.(jsonl|ndjson)$/.test(name) ? "application/x-ndjson" : "text/plain";
    await predict(await file.text(), type);
  }

  async function download() {
    const form = by("form").value;
    const response = review ? await ask(`/review/export?form=${form}`)
      : await ask(`/page/export?form=${form}`, cards.map(result));
    const link = made("a", "", { download: /filename="(.+)"/.exec(response.headers.get("content-disposition"))[1] });
    link.href = URL.createObjectURL(await response.blob());
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    if (!review) changed = false;
  }

  // ---- review

  const isDone = (card) => review !== null && review.done.includes(card.number);

  function showProgress() {
    by("progress").max = review.count;
    by("progress").value = review.done.length;
    by("state").textContent = `${review.done.length} of ${review.count} reviewed, in ${review.output}`;
    by("number").value = current + 1;
    by("number").max = review.count;
    by("previous").disabled = current === 0;
    by("next").disabled = current === review.count - 1;
  }

  async function go(number) {
    if (changed && !isDone(cards[0]) && !window.confirm("Leave this sentence without saving what you decided?")) {
      showProgress();
      return;
    }
    const asked = Math.max(0, Math.min(review.count - 1, number));
    current = asked;
    changed = false;
    const sentence = await json(`/review/${asked}`);
    if (asked === current) await show([cardOf(sentence, asked)]);
    showProgress();
  }

  async function save(card) {
    review.done = (await json(`/review/${card.number}`, result(card))).done;
    changed = false;
    showProgress();
  }

  async function toggleDone(card) {
    if (isDone(card)) review.done = (await json(`/review/${card.number}`, null)).done;
    else await save(card);
    showProgress();
    await render([card]);
  }

  function nextOpen() {
    for (let i = 1; i <= review.count; i += 1) {
      const number = (current + i) % review.count;
      if (!review.done.includes(number)) return number;
    }
    say("Every sentence is reviewed.");
    return current;
  }

  // ---- start

  function least() {
    by("least").textContent = by("own").checked ? "" : Number(by("score").value).toFixed(2);
  }

  function listen() {
    by("predict").addEventListener("click", busy(() => predict(by("text").value, "text/plain")));
    by("file").addEventListener("change", busy(async () => {
      const [file] = by("file").files;
      by("file").value = "";
      if (file) await read(file);
    }));
    document.addEventListener("dragover", (event) => { event.preventDefault(); by("text").classList.add("over"); });
    document.addEventListener("dragleave", () => by("text").classList.remove("over"));
    document.addEventListener("drop", busy(async (event) => {
      event.preventDefault();
      by("text").classList.remove("over");
      const [file] = event.dataTransfer.files;
      if (file && !review) await read(file);
    }));
    by("score").addEventListener("input", () => { by("own").checked = false; least(); });
    by("score").addEventListener("change", busy(again));
    by("own").addEventListener("change", busy(async () => { least(); await again(); }));
    by("more").addEventListener("click", busy(more));
    by("download").addEventListener("click", busy(download));
    by("editor").querySelector("form").addEventListener("submit", closeEditor);
    by("swap").addEventListener("click", () => {
      [by("head").value, by("tail").value] = [by("tail").value, by("head").value];
    });
    by("headwords").addEventListener("click", () => wordsOfArgument(by("head")));
    by("tailwords").addEventListener("click", () => wordsOfArgument(by("tail")));
    by("previous").addEventListener("click", busy(() => go(current - 1)));
    by("next").addEventListener("click", busy(() => go(current + 1)));
    by("open").addEventListener("click", busy(() => go(nextOpen())));
    by("number").addEventListener("change", busy(() => go(Number(by("number").value) - 1)));
    document.addEventListener("keydown", busy(async (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || by("editor").open) return;
      if (!review) await predict(by("text").value, "text/plain");
      else if (cards.length) {
        if (!isDone(cards[0])) await save(cards[0]);
        await go(nextOpen());
      }
    }));
    window.addEventListener("beforeunload", (event) => { if (changed) event.preventDefault(); });
  }

  async function start() {
    listen();
    known = (await json("/models")).models;
    const choices = (values) => values.map((value) => made("option", "", { value }));
    by("model").replaceChildren(...known.map(({ name }) => made("option", name, { value: name })));
    by("models").hidden = known.length < 2;
    const all = (key) => [...new Set(known.flatMap((facts) => facts[key]))];
    by("relations").replaceChildren(...choices(all("relations")));
    by("types").replaceChildren(...choices(all("entity_types")));
    review = await json("/review");
    by("about").textContent = review ? `Review of ${review.file}` : known.map(({ name }) => name).join(", ");
    by("input").hidden = review !== null;
    by("review").hidden = by("keys").hidden = review === null;
    if (review) by("all").textContent = "all suggestions";
    least();
    if (review) {
      current = review.count - 1;
      await go(nextOpen());
    }
  }

  busy(start)();
})();
