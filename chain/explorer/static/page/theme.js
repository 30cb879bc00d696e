// Light and dark: the colours of everything that is drawn on the map. The page's own are in map.css.

// Coverage: ColorBrewer's YlGnBu in the light, viridis in the dark. Both rise evenly in lightness, so they
// read the same to a colour-blind eye and in grey.
const LIGHT = {
  water: "#dbe6ee", land: "#f7f5f0", border: "#cdc6b8", place: "#5d646d", halo: "#ffffff", grid: "#b9c3cc",
  coverage: ["#d3eeb3", "#7fcdbb", "#41b6c4", "#2c7fb8", "#253494"], hexLine: "#1f5f8b",
  hotspot: "#d55e00", hotspotRing: "#ffffff", name: "#22303c", link: "#b34e00", rejected: "#7a7f87",
  imported: ["#e9d6ec", "#cfa5d6", "#a66bb3", "#72358a"], importedLine: "#72358a",
  sensor: "#0b7a43", selected: "#111a24",
};
const DARK = {
  water: "#080d15", land: "#111824", border: "#33425a", place: "#93a3b8", halo: "#0b121c", grid: "#2a3850",
  coverage: ["#3b528b", "#21918c", "#35b779", "#90d743", "#fde725"], hexLine: "#9fb7d6",
  hotspot: "#ff9d45", hotspotRing: "#0b121c", name: "#eef3f9", link: "#ffb46b", rejected: "#8a94a3",
  imported: ["#3a2747", "#5f3a75", "#8f5cab", "#c99be0"], importedLine: "#c99be0",
  sensor: "#4be39a", selected: "#ffffff",
};

export function getColors() {
  return document.documentElement.dataset.theme === "dark" ? DARK : LIGHT;
}

// Calls `repaint` after each change, by the button or by the system.
export function watchTheme(button, repaint) {
  const apply = (theme, isChoice) => {
    document.documentElement.dataset.theme = theme;
    if (isChoice) {
      try {
        localStorage.setItem("hexhaul.theme", theme);
      } catch {
        // The choice then lasts as long as the page.
      }
    }
    repaint();
  };
  button.addEventListener("click", () => {
    apply(document.documentElement.dataset.theme === "dark" ? "light" : "dark", true);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (event) => {
    let stored = null;
    try {
      stored = localStorage.getItem("hexhaul.theme");
    } catch {
      // No stored choice: the system's counts.
    }
    if (!stored) apply(event.matches ? "dark" : "light", false);
  });
}

export function isStill() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
