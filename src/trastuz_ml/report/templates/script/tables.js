// Tables that are sorted by the name of a column, and searched by the words of their first one.
(() => {
  "use strict";

  // What stands in a cell whose number is not known, is held back, or does not exist.
  const MISSING = new Set(["", "–", "·", "✱", "none", "no interval"]);
  const LEADS = /^[<≤≥≈]?\s*[+\-\u2212]?(?:\d|∞)/;
  const FIRST = /[+\-\u2212]?(?:\d[\d,]*(?:\.\d+)?|∞)/;
  const NEXT = { none: "ascending", ascending: "descending", descending: "none" };

  const make = (tag, names) => Object.assign(document.createElement(tag), names);

  function numberIn(text) {
    const found = FIRST.exec(text);
    return found ? Number(found[0].replace("\u2212", "-").replace("∞", "Infinity").replaceAll(",", "")) : NaN;
  }

  // A cell says its value itself where its text is rounded or written in words.
  function read(cell) {
    const text = cell.textContent.trim();
    const given = cell.dataset.value;
    if (given !== undefined) return { text, number: given === "" ? NaN : Number(given), missing: given === "" };
    return { text, number: numberIn(text), missing: MISSING.has(text), leads: LEADS.test(text) };
  }

  // Names hold digits as well: a column is one of numbers when each of its cells begins with one, or says its value.
  function comparison(cells, column) {
    const known = cells.filter((one) => !one.missing);
    const numbers = column > 0 && known.every((one) => one.leads !== false && !Number.isNaN(one.number));
    if (numbers) return (a, b) => (a.number === b.number ? 0 : a.number - b.number);
    return (a, b) => a.text.localeCompare(b.text, "en", { numeric: true });
  }

  // What is missing is neither high nor low: it comes last in both directions.
  function ordered(rows, column, direction) {
    const held = rows.map((row) => ({ row, ...read(row.cells[column]) }));
    const compare = comparison(held, column);
    const sign = direction === "descending" ? -1 : 1;
    held.sort((a, b) => (a.missing || b.missing ? a.missing - b.missing : sign * compare(a, b)));
    return held.map((one) => one.row);
  }

  function sortable(table) {
    const body = table.tBodies[0];
    const rows = [...body.rows];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = make("button", { type: "button", className: "sort" });
      button.append(...head.childNodes);
      head.append(button);
      head.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const direction = NEXT[head.getAttribute("aria-sort")];
        for (const other of heads) other.setAttribute("aria-sort", other === head ? direction : "none");
        body.append(...(direction === "none" ? rows : ordered(rows, column, direction)));
      });
    });
  }

  const count = (n) => `${n.toLocaleString("en")} ${n === 1 ? "patient" : "patients"}`;

  function searched(table) {
    const rows = [...table.tBodies[0].rows];
    const names = rows.map((row) => row.cells[0].textContent.trim().toLowerCase());
    const folded = table.closest("details");
    const field = make("input", { type: "search", autocomplete: "off", spellcheck: false });
    const label = make("label", {});
    label.append("Search patients ", field);
    const found = make("span", { className: "found", textContent: count(rows.length) });
    found.setAttribute("role", "status");
    const line = make("p", { className: "search" });
    line.append(label, " ", found);
    // Before what folds the table away, so that it is there while the table is not.
    (folded || table.closest(".scroll") || table).before(line);

    const left = () => rows.filter((row) => !row.hidden);
    field.addEventListener("input", () => {
      const words = field.value.trim().toLowerCase();
      rows.forEach((row, place) => { row.hidden = !names[place].includes(words); });
      found.textContent = words ? `${left().length.toLocaleString("en")} of ${count(rows.length)}` : count(rows.length);
      if (words && folded) folded.open = true;
    });
    field.addEventListener("keydown", (event) => {
      const picks = event.key === "Enter" && field.value.trim() ? left() : [];
      const pick = picks.length === 1 ? picks[0].querySelector("button.pick") : null;
      if (pick && pick.getAttribute("aria-pressed") !== "true") pick.click();
    });
  }

  document.querySelectorAll("table[data-sortable]").forEach(sortable);
  document.querySelectorAll("table[data-search]").forEach(searched);
})();
