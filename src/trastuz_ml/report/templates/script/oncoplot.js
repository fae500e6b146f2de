// The columns of the mutations in another order, responders always first; the column of a picked patient marked.
(() => {
  "use strict";

  const SVG = "http://www.w3.org/2000/svg";
  // What a mark stands for, its height as a share of the row, and what it leaves free at its sides: as the figure.
  const MARKS = { mutated: ["m", 0.84, 0.08], intact: [".", 0.26, 0], "not-covered": ["-", 0.62, 0] };
  const STATES = { m: "mutated", ".": "not mutated", "-": "not covered" };
  const ORDERS = {
    pattern: "by what was covered and by pattern",
    burden: "by burden, the highest first",
    score: "by model score, the highest first",
  };

  function filled(made, attributes, inside) {
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...inside);
    return made;
  }
  const make = (tag, attributes, ...inside) => filled(document.createElement(tag), attributes, inside);
  const draw = (tag, attributes, ...inside) => filled(document.createElementNS(SVG, tag), attributes, inside);

  const pixel = (value) => Math.round(100 * value) / 100;
  const box = (x0, y0, x1, y1) => `M${pixel(x0)} ${pixel(y0)}H${pixel(x1)}V${pixel(y1)}H${pixel(x0)}z`;

  // First and past-the-last place of each stretch of a state, cut where responders end; mutated cells stay apart.
  function stretches(view, states, letter) {
    const found = [];
    view.order.forEach((column, place) => {
      if (states[column] !== letter) return;
      const last = found[found.length - 1];
      if (last && last[1] === place && place !== view.responders && letter !== "m") last[1] = place + 1;
      else found.push([place, place + 1]);
    });
    return found;
  }

  // Columns thinner than half a pixel: so many patients together, as high as the share of one state among them.
  function shares(view, [letter, height]) {
    const { top, wide, tall, start, order, responders } = view;
    const together = Math.ceil(1 / wide);
    const margin = (tall * (1 - height)) / 2;
    const parts = [];
    for (let first = 0, last; first < order.length; first = last) {
      last = Math.min(first + together, first < responders ? responders : order.length);
      parts.push([first, last]);
    }
    return view.genes.flatMap(({ states }, row) => {
      const made = [];
      parts.forEach(([first, last]) => {
        let held = 0;
        for (let place = first; place < last; place += 1) held += states[order[place]] === letter;
        const high = tall * height * (letter === "." ? Math.sign(held) : held / (last - first));
        const before = made[made.length - 1];
        if (before && before.high === high && first !== responders) before.last = last;
        else made.push({ first, last, high });
      });
      return made.filter(({ high }) => high).map(({ first, last, high }) => {
        const above = letter === "-" ? top + row * tall + margin : top + (row + 1) * tall - margin - high;
        return box(start(first), above, start(last - 1) + wide, above + high);
      });
    }).join("");
  }

  // The cells of one state as one outline, as figures.overview draws them.
  function outline(view, [letter, height, inset]) {
    const { top, wide, tall, start } = view;
    if (wide < 0.5) return shares(view, [letter, height]);
    const margin = (tall * (1 - height)) / 2;
    return view.genes.flatMap(({ states }, row) => stretches(view, states, letter).map(([first, last]) => box(
      start(first) + inset * wide, top + row * tall + margin,
      start(last - 1) + (1 - inset) * wide, top + (row + 1) * tall - margin,
    ))).join("");
  }

  // Places of the patients in an order; of a gene mutated first, then not mutated, then not covered.
  function ordered({ patients, orders, asked, gene }) {
    const places = patients.map((_, place) => place);
    if (!gene) return orders[asked] || places;
    return [1, 0].flatMap((response) => Object.keys(STATES).flatMap((state) =>
      places.filter((place) => patients[place].response === response && gene.states[place] === state)));
  }

  function sentence({ patients, orders, asked, gene, order, picked }) {
    const count = (state, response) =>
      patients.filter((one, place) => one.response === response && gene.states[place] === state).length;
    let how = ORDERS[asked] || "";
    if (gene) {
      const parts = Object.entries(STATES).map(([state, name], at) =>
        `${name} (${count(state, 1)}${at ? "" : " responders"}, ${count(state, 0)}${at ? "" : " others"})`);
      how = `by ${gene.gene}: ${parts.join(", then ")}`;
    }
    const lacking = orders[asked] ? patients.filter((one) => one[asked] === null).length : 0;
    if (lacking) how += `; ${lacking} without one come last`;
    const size = `${patients.length.toLocaleString("en")} ${patients.length === 1 ? "patient" : "patients"}`;
    const at = order.findIndex((place) => patients[place].patient === picked);
    return `${size}, responders first, then ${how}.${at < 0 ? "" : ` Marked: ${picked}, column ${at + 1}.`}`;
  }

  // Above the columns, the number that they are ordered by.
  function scale(view, strip) {
    const { patients, orders, asked, order, left, right, wide, start } = view;
    strip.toggleAttribute("hidden", !orders[asked]);
    strip.replaceChildren();
    if (strip.hasAttribute("hidden")) return;
    const most = asked === "score" ? 1 : patients.reduce((high, one) => Math.max(high, one[asked] || 0), 1);
    const bars = order.map((column, place) => {
      const high = 38 * ((patients[column][asked] || 0) / most);
      return high ? box(start(place) + 0.08 * wide, 46 - high, start(place) + 0.92 * wide, 46) : "";
    });
    const words = { "font-size": "10px", fill: "var(--muted)" };
    strip.setAttribute("aria-label", `${asked} of each patient, from 0 to ${most.toLocaleString("en")}`);
    strip.append(
      draw("path", { d: bars.join(""), fill: "var(--neutral)" }),
      draw("path", { d: `M${left} 46.5H${right}`, stroke: "var(--faint)", fill: "none" }),
      draw("text", { ...words, x: left - 8, y: 46, "text-anchor": "end", "font-size": "10.5px" }, asked),
      draw("text", { ...words, x: right + 8, y: 15 }, most.toLocaleString("en")),
      draw("text", { ...words, x: right + 8, y: 47 }, "0"),
    );
  }

  // A frame around the column of the picked patient, and the pseudonym below it.
  function point(view, mark) {
    const { patients, genes, order, picked, left, right, top, wide, tall, start } = view;
    mark.replaceChildren();
    const at = order.findIndex((place) => patients[place].patient === picked);
    if (at < 0) return;
    // A column of a large cohort is thinner than what an eye finds.
    const [middle, half, bottom] = [start(at) + wide / 2, Math.max(wide / 2, 1.5), top + tall * genes.length];
    const [anchor, aside] = middle > (left + right) / 2 ? ["end", -8] : ["start", 8];
    const frame = box(middle - half, top - 1, middle + half, bottom + 1);
    const name = { x: pixel(middle + aside), y: bottom + 11, "text-anchor": anchor, "font-size": "10px" };
    mark.append(
      draw("path", { d: frame, fill: "none", stroke: "var(--ink)", "stroke-width": 1.4 }),
      draw("path", { d: `M${pixel(middle)} ${bottom + 2}l4 6h-8z`, fill: "var(--ink)" }),
      draw("text", { ...name, fill: "var(--ink)" }, picked),
    );
  }

  function viewOf(key, figure) {
    const read = JSON.parse(document.getElementById(`${key}-read`).textContent).overview;
    const { genes, orders, patients: { patient: names, response, burden, score } } = read;
    const patients = names.map((patient, at) =>
      ({ patient, response: response[at], burden: burden[at], score: score[at] }));
    const [left, top, wide, tall, gap] = figure.dataset.cells.split(" ").map(Number);
    const responders = patients.filter((one) => one.response === 1).length;
    const start = (place) => left + wide * (place + (place < responders ? 0 : gap));
    const right = start(patients.length);
    return { patients, genes, orders, responders, left, right, top, wide, tall, start, gene: null, picked: null };
  }

  function open(holder) {
    const key = holder.closest("article").id;
    const figure = holder.querySelector("svg[data-cells]");
    const view = { ...viewOf(key, figure), asked: holder.dataset.orders.split(" ")[0] };
    const wide = figure.viewBox.baseVal.width;
    const strip = draw("svg", { class: "order-strip", viewBox: `0 0 ${wide} 50`, role: "img" });
    const mark = draw("g", { class: "picked" });
    const status = make("p", { class: "quiet order-said", role: "status" });
    const buttons = holder.dataset.orders.split(" ").map((name) =>
      make("button", { type: "button", "data-order": name }, name));
    const byGene = make("select", { class: "by-gene" }, make("option", { value: "" }, "choose a gene"),
      ...view.genes.map(({ gene }) => make("option", { value: gene }, gene)));

    function show(asked, gene = null) {
      Object.assign(view, { asked, gene });
      view.order = ordered(view);
      for (const [name, look] of Object.entries(MARKS)) {
        // A state that nobody is in was not drawn.
        figure.querySelector(`.${name} > path`)?.setAttribute("d", outline(view, look));
      }
      for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.order === asked));
      if (!gene) byGene.value = "";
      scale(view, strip);
      point(view, mark);
      status.textContent = sentence(view);
    }

    for (const button of buttons) button.addEventListener("click", () => show(button.dataset.order));
    byGene.addEventListener("change", () => {
      const gene = view.genes[byGene.selectedIndex - 1];
      show(gene ? "gene" : buttons[0].dataset.order, gene);
    });
    document.addEventListener("pick", ({ detail }) => {
      if (!detail || detail.key !== key) return;
      view.picked = detail.patient;
      point(view, mark);
      status.textContent = sentence(view);
    });
    // Outlines of columns thinner than a pixel would hide their neighbours.
    if (view.wide < 2) {
      figure.querySelector(".not-covered > path")?.setAttribute("stroke-width", String(pixel(view.wide / 4)));
    }
    // From now on the status says the order.
    holder.closest("section").querySelector(".as-drawn")?.remove();
    holder.prepend(make("p", { class: "orders", role: "group", "aria-label": "Order of the patients" },
      make("span", {}, "Order"), ...buttons, make("label", {}, "by gene ", byGene)), status);
    figure.before(strip);
    figure.append(mark);
    show(view.asked);
  }

  document.querySelectorAll(".oncoplot[data-orders]").forEach(open);
})();
