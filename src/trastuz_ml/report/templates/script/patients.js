// A patient that was picked: probability by model, and how one prediction comes about.
(() => {
  "use strict";

  const MINUS = "\u2212";
  const SVG = "http://www.w3.org/2000/svg";
  const ROW = 22;

  function make(tag, names = {}, ...inside) {
    const made = Object.assign(document.createElement(tag), names);
    made.append(...inside);
    return made;
  }

  function draw(tag, attributes, ...inside) {
    const made = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...inside);
    return made;
  }

  function written(value, digits, signed = false) {
    const text = Math.abs(value).toFixed(digits);
    if (!/[1-9]/.test(text)) return text;
    return (value < 0 ? MINUS : signed ? "+" : "") + text;
  }

  // A gene that was not covered never reads as one that is not mutated.
  function state(value, feature) {
    if (feature.block === "gene") return value === null ? "not covered" : value > 0 ? "mutated" : "not mutated";
    if (value === null) return "unknown";
    if (Number.isInteger(value) && value >= 0 && value < feature.levels.length) return feature.levels[value];
    return Math.abs(value) >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
  }

  const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

  function stepsOf(fall, features) {
    const steps = fall.steps.map(([place, value, part]) => {
      const feature = features[place];
      return { name: feature.feature, state: state(value, feature), part, covered: value !== null };
    });
    if (fall.rest) steps.push({ name: "all others", state: "", part: fall.rest, covered: true });
    return steps;
  }

  // The hand of the figures drawn beforehand: steps down from the base to the output, hatched where nothing was read.
  function waterfall(fall, falls, key, wide) {
    const steps = stepsOf(fall, falls.features);
    const longest = Math.min(wide < 420 ? 20 : 28, Math.max(...steps.map((s) => s.name.length + s.state.length + 1), 8));
    const [left, right, top] = [7.2 * longest + 12, wide - 54, 24];
    const bottom = top + ROW * Math.max(steps.length, 1);
    const ends = [];
    steps.reduce((sum, step) => { ends.push([sum, sum + step.part]); return sum + step.part; }, fall.base);
    const known = [fall.base, fall.output, ...ends.flat()];
    const low = Math.min(...known);
    const reach = Math.max(Math.max(...known) - low, 1e-9);
    const digits = reach < 0.2 ? 3 : 2;
    const x = (value) => left + ((right - left) * (value - low)) / reach;
    const side = (at) => (at < left + (right - left) / 4 ? "start" : at > right - (right - left) / 4 ? "end" : "middle");
    const text = (at, y, said, more = {}) => draw("text", { x: at, y, fill: "var(--ink)", ...more }, said);

    const said = steps.map((s) => `${s.name} ${s.state}`.trim() + ` ${written(s.part, 3, true)}`).join("; ");
    const picture = draw("svg", {
      viewBox: `0 0 ${wide} ${bottom + 44}`, width: wide, height: bottom + 44, role: "img", "font-size": 12.5,
      "aria-label": `How the prediction of patient ${fall.patient} comes about: from base ${written(fall.base, 3)} `
        + `to output ${written(fall.output, 3)} in ${falls.scale}: ${said}.`,
    });
    const hatches = draw("defs", {});
    for (const way of ["towards", "against"]) {
      hatches.append(draw("pattern",
        { id: `${key}-hatch-${way}`, width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
        draw("line", { x1: 0, y1: 0, x2: 0, y2: 5, stroke: `var(--${way})`, "stroke-width": 2 })));
    }
    picture.append(hatches,
      draw("line", { x1: x(fall.base), x2: x(fall.base), y1: top, y2: bottom, stroke: "var(--muted)", "stroke-dasharray": "4 3" }),
      draw("line", { x1: x(fall.output), x2: x(fall.output), y1: top, y2: bottom, stroke: "var(--ink)", "stroke-width": 1.3 }));
    steps.forEach((step, row) => {
      const middle = top + ROW * (row + 0.5);
      const way = step.part >= 0 ? "towards" : "against";
      const [from, to] = [Math.min(...ends[row]), Math.max(...ends[row])];
      const shape = step.covered ? { fill: `var(--${way})`, class: "step" }
        : { fill: `url(#${key}-hatch-${way})`, stroke: `var(--${way})`, class: "step-not-covered" };
      // A long name is cut, never the state behind it.
      const name = cut(step.name, Math.max(longest - step.state.length - 1, 4));
      picture.append(
        draw("rect", { x: x(from), y: middle - 7, width: Math.max(x(to) - x(from), 1), height: 14, ...shape }),
        text(left - 8, middle + 4, `${name} ${step.state}`.trim(), { "text-anchor": "end" }),
        text(wide - 2, middle + 4, written(step.part, digits, true), { "text-anchor": "end", fill: "var(--muted)" }));
    });
    picture.append(
      text(x(fall.base), 14, `base ${written(fall.base, digits)}`, { "text-anchor": side(x(fall.base)), fill: "var(--muted)" }),
      text(x(fall.output), bottom + 16, `output ${written(fall.output, digits)}`, { "text-anchor": side(x(fall.output)) }),
      text((left + right) / 2, bottom + 36, falls.scale, { "text-anchor": "middle", fill: "var(--muted)" }));
    return picture;
  }

  // Numbers stand beside as text: to those who cannot see it the bar says nothing more.
  function bar(mean, low, high, first) {
    const picture = draw("svg", { viewBox: "0 0 200 16", preserveAspectRatio: "none", "aria-hidden": "true" });
    picture.append(
      draw("rect", { x: 0, y: 7, width: 200, height: 2, fill: "var(--faint)" }),
      draw("rect", { x: 0, y: 3, width: 200 * mean, height: 10, fill: first ? "var(--accent)" : "var(--neutral)" }));
    if (high > low) {
      picture.append(draw("rect", { x: 200 * low, y: 6.5, width: Math.max(200 * (high - low), 2), height: 3, fill: "var(--ink)" }));
    }
    return picture;
  }

  function probabilities(row, heads, what) {
    const body = make("tbody");
    heads.forEach((head, place) => {
      if (head.dataset.model === undefined) return;
      const { value, low, high } = row.cells[place].dataset;
      const line = body.insertRow();
      line.append(make("th", { scope: "row", textContent: head.dataset.model }));
      const [picture, said] = [make("td"), make("td", { className: "n" })];
      if (value) {
        picture.append(bar(Number(value), Number(low), Number(high), head.dataset.model === "chosen"));
        const ends = low && high ? ` (${written(Number(low), 2)} to ${written(Number(high), 2)})` : "";
        said.append(make("b", { textContent: written(Number(value), 2) }), ends);
      } else said.textContent = "–";
      line.append(picture, said);
    });
    return make("table", { className: "by-model" }, make("caption", { textContent: what }), body);
  }

  function told(row, heads) {
    const list = make("ul", { className: "facts" });
    heads.forEach((head, place) => {
      const text = place && head.dataset.model === undefined ? row.cells[place].textContent.trim() : "";
      if (text) list.append(make("li", {}, `${head.dataset.name}: ${text}`));
    });
    return list;
  }

  function cardOf(card, row, heads, falls, key) {
    const name = row.dataset.patient;
    const fall = falls.patients.find((one) => one.patient === name);
    const shown = make("div", { className: "columns" }, make("div", {}, probabilities(row, heads, card.dataset.what)));
    card.replaceChildren(make("h3", { textContent: name }), told(row, heads), shown);
    const place = make("figure", {});
    shown.append(place);
    if (fall) {
      const wide = Math.round(Math.max(290, Math.min(480, place.clientWidth || 480)));
      place.append(make("figcaption", {}, make("b", { textContent: `How ${falls.model} comes to its prediction` })),
        waterfall(fall, falls, key, wide));
    } else {
      place.append(make("p", { className: "quiet", textContent: falls.model
        ? "How the prediction comes about is not listed for this patient: the page holds it for the highest, the lowest and the most influential ones."
        : "How predictions come about is not known in this run." }));
    }
  }

  function picking(table) {
    const key = table.closest("article").id;
    const { waterfalls } = JSON.parse(document.getElementById(`${key}-read`).textContent);
    const heads = [...table.tHead.rows[0].cells];
    const hint = "Pick a patient to see what each model says, and how one prediction comes about.";
    const card = make("div", { id: `${key}-patient`, className: "patient-card" });
    card.setAttribute("aria-live", "polite");
    card.dataset.what = table.dataset.what;
    const empty = () => card.replaceChildren(make("p", { className: "quiet", textContent: hint }));
    empty();
    table.closest("section").querySelector("a.data[data-table=patients]").after(card);

    const buttons = [...table.tBodies[0].rows].map((row) => {
      const head = row.cells[0];
      const button = make("button", { type: "button", className: "pick", textContent: head.textContent.trim() });
      button.setAttribute("aria-pressed", "false");
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const picked = button.getAttribute("aria-pressed") !== "true";
        for (const other of buttons) other.setAttribute("aria-pressed", String(picked && other === button));
        if (picked) {
          cardOf(card, row, heads, waterfalls, key);
          card.scrollIntoView({ block: "nearest" });
        } else empty();
        const patient = picked ? row.dataset.patient : null;
        card.toggleAttribute("data-patient", picked);
        if (picked) card.dataset.patient = patient;
        // Other parts of the page mark the same patient.
        document.dispatchEvent(new CustomEvent("pick", { detail: { key, patient } }));
      });
      return button;
    });
  }

  document.querySelectorAll("table[data-search][data-table=patients]").forEach(picking);
})();
