/* "All on this page" ticks and unticks the boxes of a list; the list works without. */
document.addEventListener("DOMContentLoaded", () => {
  for (const all of document.querySelectorAll("input[data-ek-all]")) {
    const boxes = () => document.querySelectorAll(`input[name="${all.dataset.ekAll}"]`);
    all.closest("[hidden]")?.removeAttribute("hidden");
    all.addEventListener("change", () => {
      for (const box of boxes()) box.checked = all.checked;
    });
    document.addEventListener("change", (event) => {
      if (event.target.name === all.dataset.ekAll) {
        all.checked = [...boxes()].every((box) => box.checked);
      }
    });
  }
});
