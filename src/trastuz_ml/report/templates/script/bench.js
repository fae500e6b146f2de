// The what-if bench: features of a patient changed, the probability of a linear model followed.
(() => {
  "use strict";

  const NOBODY = -1;
  const UNKNOWN = "unknown";
  const GENE_STATES = ["mutated", "not mutated", "not covered"];
  const GROUPS = [
    "Watched genes", "Mutated in this patient", "Covariates and burden", "Other genes, those that move most first",
  ];

  function make(tag, attributes = {}, ...inside) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...inside);
    return made;
  }

  const options = (words) => words.map((word) => make("option", {}, word));
  const isGene = (feature) => feature.kind === "gene";

  function signed(value, digits = 2) {
    const text = Math.abs(value).toFixed(digits);
    return /[1-9]/.test(text) ? `${value < 0 ? "\u2212" : "+"}${text}` : text;
  }

  function percent(p) {
    return `${p < 0.0005 ? "< 0.1" : p >= 0.9995 ? "> 99.9" : (100 * p).toFixed(1)}\u00a0%`;
  }

  // The shortest decimal that the model's 32 bits cannot tell from the value.
  function shortest(value) {
    const lengths = [1, 2, 3, 4, 5, 6, 7, 8, 9];
    const enough = lengths.find((digits) => Math.fround(Number(value.toPrecision(digits))) === value);
    return String(enough ? Number(value.toPrecision(enough)) : value);
  }

  // What a value adds to the log-odds; what is not known adds nothing.
  function added(part, value) {
    if (!part || value === null) return 0;
    return part.levels ? part.levels[value] || 0 : part.slope * (value - part.center);
  }

  // What a model says: its log-odds, where they come from, and the probability.
  function said({ bench, one }, which, values) {
    const { intercept, parts } = bench.models[which];
    const listed = parts.reduce((sum, part, at) => sum + added(part, values[at]), 0);
    const odds = intercept + one.rest[which] + listed;
    return { intercept, listed, rest: one.rest[which], odds, p: 1 / (1 + Math.exp(-odds)) };
  }

  // A gene that was not covered never reads as one that is not mutated.
  function stateOf(feature, value) {
    if (isGene(feature)) return GENE_STATES[value === null ? 2 : value > 0 ? 0 : 1];
    if (value === null) return UNKNOWN;
    return feature.levels[value] === undefined ? shortest(value) : feature.levels[value];
  }

  // What a gene counts as when set to mutated: what it is in the patient, else what it mostly is in carriers.
  function carriedIn({ start, bench }, at) {
    return start[at] > 0 ? start[at] : bench.features[at].carried;
  }

  function controlOf(feature, id) {
    const given = (name) => ({ id, class: name, "data-feature": feature.feature });
    if (isGene(feature)) return make("select", given("bench-gene"), ...options(GENE_STATES));
    const { levels } = feature;
    if (levels.length) return make("select", given("bench-level"), ...options([...levels, UNKNOWN]));
    return make("input", { ...given("bench-number"), type: "number", step: "any", placeholder: UNKNOWN });
  }

  function setControl({ control, feature }, value) {
    const { levels } = feature;
    if (isGene(feature)) control.selectedIndex = GENE_STATES.indexOf(stateOf(feature, value));
    else if (!levels.length) control.value = value === null ? "" : shortest(value);
    else {
      // A median can lie between two levels of an ordered covariate.
      const between = value !== null && levels[value] === undefined;
      while (control.options.length > levels.length + 1) control.lastChild.remove();
      if (between) control.append(...options([`between levels (${shortest(value)})`]));
      control.selectedIndex = value === null ? levels.length : between ? levels.length + 1 : value;
    }
  }

  function valueOf(view, at) {
    const { control, feature } = view.rows[at];
    if (isGene(feature)) return [carriedIn(view, at), 0, null][control.selectedIndex];
    if (feature.levels.length) {
      const level = control.selectedIndex;
      return level < feature.levels.length ? level : level === feature.levels.length ? null : view.start[at];
    }
    // The model reads numbers of 32 bits; what is none of them is not known.
    const number = Math.fround(control.valueAsNumber);
    return Number.isFinite(number) ? number : null;
  }

  // Values of a feature that are known in the patients.
  function knownOf({ patients }, at) {
    return patients.map((one) => one.values[at]).filter((value) => value !== null);
  }

  // From where to where a number goes in the patients; nothing for what is no number.
  function endsOf(bench, feature, at) {
    const known = isGene(feature) || feature.levels.length ? [] : knownOf(bench, at);
    return known.length ? [Math.min(...known), Math.max(...known)] : null;
  }

  // What the patients tell of a feature.
  function hintOf(bench, feature, at, ends) {
    const known = knownOf(bench, at);
    const hints = [];
    if (isGene(feature)) {
      const carriers = known.filter((value) => value > 0).length;
      if (!bench.left) hints.push(`mutated in ${carriers} of ${known.length}`);
      if (feature.carried !== 1) hints.push(`mutated counts as ${shortest(feature.carried)}`);
    }
    if (ends) hints.push(`${ends.map((end) => Number(end.toPrecision(3))).join(" to ")} in these patients`);
    if (feature.block === "burden") hints.push("does not follow the genes");
    return hints.join("; ");
  }

  // How a feature was, where it was changed, and whether no patient is like that.
  function noteOf({ feature, ends }, now, before) {
    const notes = [];
    const was = `${isGene(feature) ? "as sequenced" : "as recorded"}: ${stateOf(feature, before)}`;
    if (now !== before) notes.push(was);
    if (ends && now !== null && (now < ends[0] || now > ends[1])) notes.push("beyond all of these patients");
    return notes.join("; ");
  }

  function rowOf(bench, feature, at, id) {
    const control = controlOf(feature, id);
    const [was, would, bar, tick] = [make("small"), make("u"), make("i"), make("b")];
    const number = make("span", { class: "bench-adds" });
    const ends = endsOf(bench, feature, at);
    const hint = make("small", {}, hintOf(bench, feature, at, ends));
    const line = make("tr", { "data-at": at },
      make("th", { scope: "row" }, make("label", { for: id }, feature.feature), hint, was),
      make("td", {}, make("span", { class: "bench-mark", "aria-hidden": "true" }), control),
      make("td", {}, make("span", { class: "bench-bar", "aria-hidden": "true" }, would, bar, tick), number));
    return { line, control, feature, ends, was, would, bar, tick, number, used: true };
  }

  function showRow(view, at) {
    const { line, control, feature, was, would, bar, tick, number } = view.rows[at];
    const part = view.bench.models[view.model].parts[at];
    const [now, before] = [view.values[at], view.start[at]];
    const share = (value) => Math.max(-1, Math.min(1, added(part, value) / view.reach));
    // A pale bar behind: what the gene adds when it is mutated.
    for (const [drawn, value] of [[bar, now], [would, isGene(feature) ? carriedIn(view, at) : null]]) {
      drawn.style.left = `${50 + 50 * Math.min(0, share(value))}%`;
      drawn.style.width = `${50 * Math.abs(share(value))}%`;
      drawn.className = share(value) < 0 ? "against" : "towards";
    }
    tick.style.left = `${50 + 50 * share(before)}%`;
    number.textContent = part ? signed(added(part, now)) : "not used";
    line.classList.toggle("changed", now !== before);
    if (isGene(feature)) line.dataset.state = stateOf(feature, now);
    was.textContent = noteOf(view.rows[at], now, before);
    control.disabled = !part;
  }

  // Bars of one model and patient share a scale that holds what each feature can add; next to nothing stays small.
  function reachOf(view) {
    const { features, models } = view.bench;
    return Math.max(0.25, ...models[view.model].parts.flatMap((part, at) => {
      if (part && part.levels) return part.levels.map(Math.abs);
      const values = isGene(features[at]) ? [0, carriedIn(view, at)] : [view.start[at]];
      return values.map((value) => Math.abs(added(part, value)));
    }));
  }

  // Rows stay where they are while features are changed: they move when the model or the patient is another.
  function arrange(view) {
    const { features, models, nobody } = view.bench;
    const { parts } = models[view.model];
    const groupOf = (feature, at) => {
      if (!isGene(feature)) return 2;
      return feature.watched ? 0 : view.one !== nobody && view.start[at] > 0 ? 1 : 3;
    };
    const moves = parts.map((part, at) =>
      isGene(features[at]) ? Math.abs(added(part, carriedIn(view, at)) - added(part, 0)) : 0);
    const order = features.map((_, at) => at).sort((a, b) => moves[b] - moves[a] || a - b);
    for (const at of order) {
      view.groups[groupOf(features[at], at)].append(view.rows[at].line);
      view.rows[at].used = Boolean(parts[at]) || features[at].watched;
    }
    view.reach = reachOf(view);
  }

  // What the model says: large, and on a scale from where it was to where it is.
  function answerOf(view) {
    const [large, change, moved] = [make("strong"), make("span"), make("i")];
    const [from, dot] = [make("i", { class: "from" }), make("i", { class: "now" })];
    const output = make("output", { class: "bench-probability" }, large, " ", change);
    const gauge = make("div", { class: "bench-gauge", "aria-hidden": "true" }, moved, from, dot);
    const reset = make("button", { type: "button", class: "bench-reset" }, "As sequenced");
    function show() {
      const [now, before] = [view.values, view.start].map((values) => said(view, view.model, values).p);
      const plain = view.one === view.bench.nobody ? "with no gene mutated" : "as sequenced";
      output.dataset.probability = String(now);
      large.textContent = percent(now);
      const points = `${signed(100 * (now - before), 1)} points`;
      change.textContent = view.same() ? plain : `${points} from ${percent(before)} ${plain}`;
      from.style.left = `${100 * before}%`;
      dot.style.left = `${100 * now}%`;
      moved.style.left = `${100 * Math.min(now, before)}%`;
      moved.style.width = `${100 * Math.abs(now - before)}%`;
      moved.className = now < before ? "against" : "towards";
    }
    const says = make("p", { class: "quiet" }, "The model says");
    const inside = make("div", { class: "bench-now" }, says, output, gauge, reset);
    return { inside, show, reset };
  }

  // What was changed, each with a button that takes it back.
  function changesOf(view, put) {
    const list = make("ul", { class: "bench-changes", "aria-label": "Changed features" });
    function show() {
      const changed = view.rows.map((_, at) => at).filter((at) => view.values[at] !== view.start[at]);
      list.replaceChildren(...changed.map((at) => {
        const { feature } = view.rows[at];
        const [now, before] = [view.values[at], view.start[at]].map((value) => stateOf(feature, value));
        const words = { "aria-label": `${feature.feature} ${now}: back to ${before}` };
        const button = make("button", { type: "button", ...words }, `${feature.feature} ${now} \u00d7`);
        button.addEventListener("click", () => {
          put(at, view.start[at]);
          setControl(view.rows[at], view.start[at]);
          // The button is gone: the focus goes to the next one, or to where all are taken back.
          (list.querySelector("button") || view.reset).focus();
        });
        return make("li", {}, button);
      }));
    }
    return { list, show };
  }

  // What every linear model says of the same inputs, and what the log-odds of the one in question are made of.
  function besides(view) {
    const { features, models } = view.bench;
    const [sum, note] = [make("p", { class: "quiet" }), make("p", { class: "quiet" })];
    const rows = models.map(({ model }) =>
      make("tr", {}, make("th", { scope: "row" }, model), make("td", { class: "n" }), make("td", { class: "n" })));
    const head = make("tr", {}, make("th", { scope: "col" }, "Every linear model"),
      ...["says", "points"].map((word) => make("th", { scope: "col", class: "n" }, word)));
    const table = make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows));
    table.hidden = models.length < 2;
    function show() {
      rows.forEach((row, which) => {
        const [now, before] = [view.values, view.start].map((values) => said(view, which, values).p);
        row.cells[1].textContent = percent(now);
        row.cells[2].textContent = view.same() ? "" : signed(100 * (now - before), 1);
        row.className = which === view.model ? "chosen" : "";
      });
      const { others, parts } = models[view.model];
      const { odds, intercept, listed, rest } = said(view, view.model, view.values);
      const unlisted = others ? `, ${others.toLocaleString("en")} not listed ${signed(rest)}` : "";
      sum.textContent = `Log-odds ${signed(odds)}: intercept ${signed(intercept)}, `
        + `features listed here ${signed(listed)}${unlisted}.`;
      const counts = features.filter(({ block }, at) => block === "burden" && parts[at]);
      note.textContent = counts.length ? `${counts.map(({ feature }) => feature).join(", ")}: `
        + "a number of its own, which does not follow the genes that are changed." : "";
    }
    return { inside: [table, sum, note], show };
  }

  // The patient: picked from the list, or searched; Enter picks the only one left.
  function peopleOf(view, key, take) {
    const names = view.bench.patients.map((one) => one.patient);
    const pick = make("select", { class: "bench-patient" }, ...options(["nobody: no gene mutated, all else typical", ...names]));
    const search = make("input", {
      class: "bench-search", type: "search", list: `${key}-bench-names`, autocomplete: "off",
    });
    const list = make("datalist", { id: search.getAttribute("list") },
      ...names.map((value) => make("option", { value })));
    const told = make("p", { class: "quiet", role: "status" });
    function choose(which) {
      pick.selectedIndex = which + 1;
      take(which);
      told.textContent = which === NOBODY ? "Nobody real: median numbers, the most frequent levels."
        : `${names[which]} ${view.one.response === 1 ? "responded" : "did not respond"}.`;
    }
    function look(entered) {
      const words = search.value.trim().toLowerCase();
      const exact = names.findIndex((name) => name.toLowerCase() === words);
      const found = names.flatMap((name, at) => (name.toLowerCase().includes(words) ? [at] : []));
      const only = found.length === 1 ? `: Enter picks ${names[found[0]]}` : "";
      if (!words) told.textContent = "";
      else if (exact >= 0) choose(exact);
      else if (entered && only) choose(found[0]);
      else told.textContent = `${found.length} of ${names.length} patients${only}.`;
    }
    search.addEventListener("input", () => look(false));
    search.addEventListener("keydown", (event) => { if (event.key === "Enter") look(true); });
    pick.addEventListener("change", () => { search.value = ""; choose(pick.selectedIndex - 1); });
    const inside = [make("label", {}, "Search a patient", search), list, make("label", {}, "Patient", pick), told];
    return { inside, choose };
  }

  function listOf(view) {
    const filter = make("input", { class: "bench-filter", type: "search", autocomplete: "off" });
    const kept = make("span", { class: "quiet", role: "status" });
    const heads = ["Feature", "State", "Log-odds"].map((word) => make("th", { scope: "col" }, word));
    heads[2].append(make("small", {}, " pale: if mutated"));
    const table = make("table", {}, make("thead", {}, make("tr", {}, ...heads)), ...view.groups);
    function sift() {
      const words = filter.value.trim().toLowerCase();
      const used = view.rows.filter((row) => row.used);
      for (const row of view.rows) {
        row.line.hidden = !row.used || !row.feature.feature.toLowerCase().includes(words);
      }
      for (const body of view.groups) body.hidden = [...body.rows].slice(1).every((line) => line.hidden);
      const shown = used.filter((row) => !row.line.hidden).length;
      const all = `${used.length} ${used.length === 1 ? "feature" : "features"}`;
      kept.textContent = words ? `${shown} of ${all}` : all;
    }
    filter.addEventListener("input", sift);
    const region = { role: "region", tabindex: "0", "aria-label": "Features to change" };
    const inside = make("div", { class: "bench-list" },
      make("p", { class: "bench-sift" }, make("label", {}, "Find a feature ", filter), kept),
      make("div", { class: "bench-scroll", ...region }, table));
    return { inside, table, sift };
  }

  // The first model shown is the one that reads most.
  function richest(models) {
    const read = models.map(({ parts, others }) => parts.filter(Boolean).length + others);
    return read.indexOf(Math.max(...read));
  }

  function open(place) {
    const key = place.dataset.key;
    const { bench } = JSON.parse(document.getElementById(`${key}-read`).textContent);
    const view = { bench, model: richest(bench.models), one: bench.nobody, start: [], values: [], reach: 1 };
    view.same = () => view.values.every((value, at) => value === view.start[at]);
    view.rows = bench.features.map((feature, at) => rowOf(bench, feature, at, `${key}-bench-${at}`));
    view.groups = GROUPS.map((name) =>
      make("tbody", {}, make("tr", {}, make("th", { scope: "rowgroup", colspan: "3" }, name))));
    const answer = answerOf(view), changes = changesOf(view, put), more = besides(view), list = listOf(view);
    view.reset = answer.reset;

    function show() {
      for (const part of [answer, changes, more]) part.show();
    }
    function put(at, value) {
      view.values[at] = value;
      showRow(view, at);
      show();
    }
    function again() {
      arrange(view);
      list.sift();
      view.rows.forEach((row, at) => { setControl(row, view.values[at]); showRow(view, at); });
      show();
    }
    function take(which) {
      view.one = which === NOBODY ? bench.nobody : bench.patients[which];
      view.start = view.one.values;
      view.values = [...view.start];
      again();
    }
    const people = peopleOf(view, key, take);
    const model = make("select", { class: "bench-model" }, ...options(bench.models.map((one) => one.model)));
    model.selectedIndex = view.model;
    model.addEventListener("change", () => { view.model = model.selectedIndex; again(); });
    answer.reset.addEventListener("click", () => { view.values = [...view.start]; again(); });
    list.table.addEventListener("input", (event) => {
      const at = Number(event.target.closest("tr").dataset.at);
      put(at, valueOf(view, at));
    });
    place.append(
      make("div", { class: "bench-picks" }, make("label", {}, "Model", model), ...people.inside),
      make("div", { class: "bench-work" }, answer.inside, list.inside),
      make("div", { class: "bench-more" }, changes.list, ...more.inside),
    );
    people.choose(NOBODY);
    place.closest("section").hidden = false;
  }

  document.querySelectorAll("div.bench[data-key]").forEach(open);
})();
