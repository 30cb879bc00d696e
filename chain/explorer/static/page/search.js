// Search: hotspots and hexagons by the node, towns by the place names that the page has.

import { ask } from "./api.js";
import { byId, el, fill } from "./dom.js";
import { count } from "./format.js";

const SETTLE_MS = 150;
const TOWNS = 5;

export class Search {
  constructor(onPick) {
    this.onPick = onPick;
    this.towns = [];
    this.results = [];
    this.active = -1;
    this.input = byId("search");
    this.list = byId("found");
    let timer = null;
    this.input.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => this.find(), SETTLE_MS);
    });
    this.input.addEventListener("keydown", (event) => this.onKey(event));
    this.input.addEventListener("blur", () => setTimeout(() => this.hide(), 150));
    this.input.form.addEventListener("submit", async (event) => {
      event.preventDefault();
      clearTimeout(timer);
      await this.find();
      this.pick(this.results[Math.max(this.active, 0)]);
    });
    addEventListener("keydown", (event) => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || /^(INPUT|TEXTAREA)$/.test(event.target.tagName)) return;
      event.preventDefault();
      this.input.focus();
    });
  }

  async find() {
    const words = this.input.value.trim();
    if (!words) return this.hide();
    let found = [];
    try {
      ({ results: found } = await ask(`/map/search?q=${encodeURIComponent(words.slice(0, 100))}`));
    } catch {
      // Towns are found without the node.
    }
    if (words !== this.input.value.trim()) return undefined;
    this.results = [...found, ...this.findTowns(words)];
    this.active = -1;
    fill(this.list, this.results.length
      ? this.results.map((result, at) => el("li", {
        role: "option", id: `found-${at}`, "aria-selected": "false",
        onmousedown: (event) => { event.preventDefault(); this.pick(result); },
      }, el("span", {}, result.name), el("span", { class: "kind" }, describe(result))))
      : el("li", { class: "empty" }, "Nothing found: try a part of a hotspot's name, an address, an H3 index or a town."));
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
    return undefined;
  }

  findTowns(words) {
    const wanted = fold(words);
    const begins = [];
    for (const town of this.towns) {
      if (fold(town.name).startsWith(wanted)) begins.push(town);
      if (begins.length === TOWNS) break; // towns are in the order of their size
    }
    return begins;
  }

  onKey(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && this.results.length) {
      event.preventDefault();
      this.active = (this.active + step + this.results.length) % this.results.length;
      [...this.list.children].forEach((row, at) => row.setAttribute("aria-selected", at === this.active));
      this.input.setAttribute("aria-activedescendant", `found-${this.active}`);
    } else if (event.key === "Escape") {
      event.preventDefault();
      this.hide();
    }
  }

  pick(result) {
    if (!result) return;
    this.hide();
    this.input.blur();
    this.onPick(result);
  }

  hide() {
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }
}

function describe(result) {
  if (result.kind === "town") return `town, ${count(result.population)} people`;
  if (result.kind === "cell") return `H3 resolution ${result.resolution}`;
  return result.placed ? "hotspot" : "hotspot, no place yet";
}

// Zürich is found as zurich.
function fold(text) {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}
