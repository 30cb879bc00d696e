// The owner's view: positions of one's own sensors, asked from one's own router with its token. They are in
// this browser only: neither the node nor the chain ever sees them.

import { byId, el, fill } from "./dom.js";
import { ago } from "./format.js";
import { setData } from "./layers.js";

const EVERY_MS = 3000;
const TIMEOUT_MS = 5000;
const TRAIL = 60;
const STORED = "hexhaul.owner";

// `#router=<url>&token=<t>`, or what an earlier load of this tab kept. The token leaves the address bar at
// once, so that it is neither copied with the address nor kept in the history.
export function takeAccess() {
  const given = new URLSearchParams(location.hash.slice(1));
  if (given.has("router")) {
    history.replaceState(null, "", location.pathname + location.search);
    const access = { router: given.get("router"), token: given.get("token") ?? "" };
    store(access);
    return access;
  }
  try {
    return JSON.parse(sessionStorage.getItem(STORED));
  } catch {
    return null;
  }
}

function store(access) {
  try {
    if (access) sessionStorage.setItem(STORED, JSON.stringify(access));
    else sessionStorage.removeItem(STORED);
  } catch {
    // Then a reload needs the link again.
  }
}

function readUrl(text) {
  try {
    const url = new URL(text);
    if (!/^https?:$/.test(url.protocol)) return null;
    return url.origin + url.pathname.replace(/\/+$/, "").replace(/\/api$/, "");
  } catch {
    return null;
  }
}

export class OwnerView {
  constructor(map, access, { onFirst, onOpen }) {
    this.map = map;
    this.access = access;
    this.base = readUrl(access.router);
    this.onFirst = onFirst;
    this.onOpen = onOpen;
    this.sensors = new Map();
    this.isFirst = true;
    byId("tab-sensors").hidden = false;
  }

  start() {
    if (!this.base) return this.say(`"${this.access.router}" is no http(s) address of a router: open the map from the link that hexhaul up prints.`);
    this.say("Asking your router …");
    this.poll();
    return undefined;
  }

  async poll() {
    let wait = EVERY_MS;
    try {
      const response = await fetch(`${this.base}/api/positions`, {
        headers: { authorization: `Bearer ${this.access.token}` }, credentials: "omit", cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      if (response.status === 401 || response.status === 403) {
        this.say("Your router refuses the token: open the map again from the link that hexhaul up prints.");
        store(null);
        return;
      }
      if (!response.ok) throw new Error(`answered ${response.status}`);
      this.take(await response.json());
    } catch (error) {
      this.say(`Your router ${this.base} doesn't answer (${error.message}); asking again.`);
      wait *= 3;
    }
    setTimeout(() => this.poll(), wait);
  }

  take(positions) {
    const isGood = ({ latitude, longitude }) => Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180 && (latitude !== 0 || longitude !== 0);
    for (const position of positions.filter(isGood)) {
      const known = this.sensors.get(position.dev_eui) ?? { trail: [] };
      const place = [position.longitude, position.latitude];
      const last = known.trail.at(-1);
      if (!last || last[0] !== place[0] || last[1] !== place[1]) known.trail = [...known.trail, place].slice(-TRAIL);
      this.sensors.set(position.dev_eui, { ...position, trail: known.trail });
    }
    this.draw();
    if (this.isFirst && this.sensors.size) {
      this.isFirst = false;
      this.onFirst([...this.sensors.values()].map(({ trail }) => trail.at(-1)));
    }
  }

  draw() {
    const sensors = [...this.sensors.values()];
    const feature = (geometry, { dev_eui, name }) => ({ type: "Feature", geometry, properties: { dev_eui, name: String(name) } });
    setData(this.map, "sensors", { type: "FeatureCollection", features: sensors.map((sensor) => feature({ type: "Point", coordinates: sensor.trail.at(-1) }, sensor)) });
    setData(this.map, "sensor-trails", {
      type: "FeatureCollection",
      features: sensors.filter(({ trail }) => trail.length > 1).map((sensor) => feature({ type: "LineString", coordinates: sensor.trail }, sensor)),
    });
    if (!sensors.length) return this.say("None of your sensors has sent a position yet. One shows here with its first GPS reading.");
    const rows = sensors.map((sensor) => el("li", {},
      el("button", { type: "button", class: "link", onclick: () => this.onOpen(sensor.trail.at(-1)) }, sensor.name),
      el("span", { class: "amount" }, sensor.heard_at ? ago(Date.parse(sensor.heard_at)) : ""),
      el("p", {}, `${sensor.latitude.toFixed(5)}, ${sensor.longitude.toFixed(5)}${Number.isFinite(sensor.altitude) ? `, ${Math.round(sensor.altitude)} m` : ""}`)));
    return this.render(el("ul", { class: "rows" }, rows));
  }

  say(words) {
    this.render(el("p", { class: "empty" }, words));
  }

  render(content) {
    fill(byId("sensor-list"), el("p", { class: "caption" }, "Asked from your own router; nobody else sees them, and the chain never does."), content);
  }
}
