/* Fetches the page again and puts its new numbers in place, while it is looked at. Without this
   script a link does the same. */
document.addEventListener("DOMContentLoaded", () => {
  const live = document.querySelector("[data-ek-refresh]");
  if (!live) return;
  const box = document.querySelector("input[data-ek-refresh-box]");
  box?.closest("[hidden]")?.removeAttribute("hidden");
  const seconds = Math.max(Number(live.dataset.ekRefresh) || 5, 2);
  const busy = () => live.contains(document.activeElement) || String(document.getSelection()) !== "";
  const look = async () => {
    if (document.hidden || busy() || (box && !box.checked)) return;
    try {
      const answer = await fetch(location.href, { credentials: "same-origin" });
      if (!answer.ok || answer.redirected) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById(live.id);
      if (!fresh) return;
      const open = [...live.querySelectorAll("details[open][id]")].map((each) => each.id);
      live.replaceChildren(...fresh.childNodes);
      for (const id of open) document.getElementById(id)?.setAttribute("open", "");
      if (!fresh.dataset.ekRefresh) clearInterval(timer);
    } catch {
      // The network is away; the next look may succeed.
    }
  };
  const timer = setInterval(look, seconds * 1000);
});
