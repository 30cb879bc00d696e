// The view: asks for what touches the window of the map and draws exactly that.

import { ask } from "./api.js";
import { drawGrid, getResolution, setData } from "./layers.js";

const SETTLE_MS = 120;
const REFRESH_MS = 500;

export class View {
  // onLoaded({hexes, hotspots, links}) after each load, onError(message) where one failed.
  constructor(map, onLoaded, onError) {
    this.map = map;
    this.onLoaded = onLoaded;
    this.onError = onError;
    this.withImported = false;
    this.timer = null;
    this.running = null;
    map.on("movestart", () => this.mark("moving"));
    map.on("moveend", () => this.reload(SETTLE_MS));
  }

  refresh() {
    this.reload(REFRESH_MS);
  }

  // Several wishes within the delay are one load; a running one for an old window is given up.
  reload(delayMs) {
    if (this.timer !== null && delayMs === REFRESH_MS) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.timer = null;
      this.load();
    }, delayMs);
  }

  async load() {
    this.running?.abort();
    const { signal } = (this.running = new AbortController());
    this.mark("loading");
    const bounds = this.map.getBounds();
    const bbox = [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()].map((value) => value.toFixed(6)).join(",");
    const resolution = getResolution(this.map.getZoom());
    const wishes = [`/map/hexes?bbox=${bbox}&resolution=${resolution}`, `/map/hotspots?bbox=${bbox}`, `/map/links?bbox=${bbox}`];
    if (this.withImported) wishes.push(`/observations/hexes?bbox=${bbox}&resolution=${resolution}`, `/observations/hotspots?bbox=${bbox}`);
    try {
      const [hexes, hotspots, links, observed, observedHotspots] = await Promise.all(wishes.map((path) => ask(path, signal)));
      drawGrid(this.map);
      setData(this.map, "hexes", hexes);
      setData(this.map, "hotspots", hotspots);
      setData(this.map, "links", links);
      setData(this.map, "imported-hexes", observed);
      setData(this.map, "imported-hotspots", observedHotspots);
      this.mark("ready");
      this.onLoaded({ hexes, hotspots, links, observed });
    } catch (error) {
      if (error.name === "AbortError") return;
      this.mark("failed");
      this.onError(error.message);
    }
  }

  mark(state) {
    document.documentElement.dataset.view = state;
  }
}
