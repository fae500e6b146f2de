// The contents: a list is shut once something in it was picked; the part that is being read is marked.
(() => {
  "use strict";

  function contents(nav) {
    const lists = [...nav.querySelectorAll("details")];
    // What works with a script alone is not offered without it.
    nav.querySelectorAll("li[hidden]").forEach((item) => { item.hidden = false; });
    const shut = () => lists.forEach((list) => { list.open = false; });
    nav.addEventListener("click", (event) => { if (event.target.closest("a")) shut(); });
    nav.addEventListener("focusout", (event) => {
      if (event.relatedTarget && !nav.contains(event.relatedTarget)) shut();
    });
    nav.addEventListener("keydown", (event) => {
      const open = event.key === "Escape" && lists.find((list) => list.open);
      if (open) {
        shut();
        open.querySelector("summary").focus();
      }
    });
    document.addEventListener("click", (event) => { if (!nav.contains(event.target)) shut(); });
    return [...nav.querySelectorAll("a")].map((link) => ({ link, part: document.querySelector(link.hash) }));
  }

  const parts = [...document.querySelectorAll("nav.contents")].flatMap(contents).filter((one) => one.part);
  let marked = null;

  // The part being read is the last whose heading has passed the upper third of the window.
  function mark() {
    const line = window.innerHeight / 3;
    const shown = parts.filter((one) => one.part.getClientRects().length);
    const passed = shown.filter((one) => one.part.getBoundingClientRect().top < line).pop() || shown[0];
    if (passed === marked) return;
    marked?.link.removeAttribute("aria-current");
    marked?.link.closest("details")?.classList.remove("here");
    marked = passed;
    marked?.link.setAttribute("aria-current", "location");
    marked?.link.closest("details")?.classList.add("here");
  }

  let waiting = false;
  window.addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; mark(); });
  }, { passive: true });
  // Once the other scripts have shown what they make.
  if (parts.length) requestAnimationFrame(mark);
})();
