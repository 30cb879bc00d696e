// Before the first paint, so that a dark room isn't lit up: the stored choice, else the system's.
(() => {
  let stored = null;
  try {
    stored = localStorage.getItem("hexhaul.theme");
  } catch {
    // A browser that keeps nothing gets the system's choice.
  }
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  document.documentElement.dataset.theme = stored === "dark" || stored === "light" ? stored : system;
})();
