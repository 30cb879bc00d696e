// The legend: what each sign means, with numbers, and which layers are drawn.

import { ask } from "./api.js";
import { byId, el, fill } from "./dom.js";
import { count, day } from "./format.js";
import { COVERAGE_STEPS, IMPORTED_STEPS } from "./layers.js";
import { getColors } from "./theme.js";

export class Legend {
  // onToggle(group, isShown), onShowImported(bounds)
  constructor({ onToggle, onShowImported }) {
    this.onToggle = onToggle;
    this.onShowImported = onShowImported;
    this.shown = { coverage: true, links: true, hotspots: true, grid: true, imported: true };
    this.imported = null;
    this.hasSensors = false;
    if (matchMedia("(max-width: 720px)").matches) byId("legend").open = false;
  }

  // Whether there are imported observations at all, of what and when.
  async refreshImported() {
    try {
      const { meta } = await ask("/observations/hexes?resolution=4");
      this.imported = meta.count ? meta : null;
    } catch {
      this.imported = null;
    }
    this.render();
    return this.imported !== null && this.shown.imported;
  }

  render() {
    const colors = getColors();
    const scale = (steps, swatches) => el("ul", { class: "scale" }, steps.map(([, words], at) =>
      el("li", {}, swatch(swatches[at]), el("span", {}, words))));
    const line = (className, words) => el("p", { class: "sample" }, el("i", { class: className, "aria-hidden": "true" }), words);
    fill(byId("legend-body"),
      this.toggle("coverage", "Hexagons with coverage"),
      el("p", { class: "fine" }, "radio contacts proven in a hexagon: beacons from it that others heard, and beacons heard in it"),
      scale(COVERAGE_STEPS, colors.coverage),
      this.toggle("hotspots", "Hotspots"),
      line("dot", "drawn in the middle of its hexagon of 0.7 km²"),
      this.toggle("links", "Links"),
      line("heard", "heard a beacon, accepted"),
      line("refused", "reported one, always rejected"),
      this.toggle("grid", "Empty hexagons"),
      this.hasSensors && line("sensor", "your sensor, shown to you only"),
      this.imported && this.renderImported(scale(IMPORTED_STEPS, colors.imported)));
  }

  renderImported(scale) {
    const { sources, bounds } = this.imported;
    return el("div", { class: "imported" },
      this.toggle("imported", "Imported observations"),
      el("p", { class: "fine" }, "of other networks, not on this chain; mean signal where their devices were heard, dBm"),
      scale,
      el("ul", { class: "sources" }, sources.map((source) => el("li", {},
        `${source.source}: ${count(source.observations)}, ${day(source.first)} – ${day(source.last)}`))),
      el("button", { type: "button", class: "link", onclick: () => this.onShowImported(bounds) }, "Show them"));
  }

  toggle(group, words) {
    const box = el("input", {
      type: "checkbox", checked: this.shown[group],
      onchange: () => { this.shown[group] = box.checked; this.onToggle(group, box.checked); },
    });
    return el("label", { class: "toggle" }, box, words);
  }
}

// A colour as a drawn hexagon; styles by attribute are the page's own, never from outside.
function swatch(color) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", "M10 1 18 5.500v9L10 19l-8-4.500v-9z");
  path.setAttribute("fill", color);
  svg.append(path);
  return svg;
}
