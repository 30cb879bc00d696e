// A hotspot's page: who and where it is, what it earned and why, who heard whom, what was rejected and why.

import { ask } from "./api.js";
import { byId, copyable, el, fill } from "./dom.js";
import { ago, clock, count, decibels, distance, hxt, plural } from "./format.js";

const EPOCHS_SHOWN = 12;

export class HotspotPage {
  constructor({ onOpen, onClose, onCell }) {
    this.onOpen = onOpen;
    this.onClose = onClose;
    this.onCell = onCell;
    this.address = "";
    this.open = new Set(["earned", "heard-by", "heard"]);
    addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.address && !event.defaultPrevented) this.close();
    });
  }

  async show(address, isRefresh = false) {
    this.address = address;
    byId("lists").hidden = true;
    byId("detail").hidden = false;
    if (!isRefresh) {
      byId("panel-body").scrollTop = 0;
      fill(byId("detail"), this.renderBack(), el("p", { class: "empty" }, "Asking the node …"));
    }
    let page;
    try {
      page = await ask(`/map/hotspots/${encodeURIComponent(address)}`);
    } catch (error) {
      if (this.address === address && !isRefresh) {
        fill(byId("detail"), this.renderBack(), el("p", { class: "empty" }, `This hotspot can't be shown: ${error.message}.`));
      }
      return null;
    }
    if (this.address !== address) return null;
    const hadFocus = isRefresh ? document.activeElement?.dataset?.focus : null;
    fill(byId("detail"), this.render(page));
    if (!isRefresh) byId("detail").querySelector("h2").focus({ preventScroll: true });
    else if (hadFocus) byId("detail").querySelector(`[data-focus="${CSS.escape(hadFocus)}"]`)?.focus({ preventScroll: true });
    return page;
  }

  refresh() {
    if (this.address) this.show(this.address, true);
  }

  close() {
    this.address = "";
    byId("detail").hidden = true;
    byId("lists").hidden = false;
    this.onClose();
  }

  renderBack() {
    return el("button", { type: "button", class: "back", "data-focus": "back", onclick: () => this.close() }, "‹ All lists");
  }

  render(page) {
    const tile = (value, label) => el("div", {}, el("dd", {}, value), el("dt", {}, label));
    return [
      this.renderBack(),
      el("h2", { tabindex: "-1" }, page.name),
      el("p", { class: "sub" }, page.last_ms ? `last report ${ago(page.last_ms)}` : "no report yet", ` · joined ${new Date(page.added_ms).toLocaleDateString("en-GB")}`),
      el("dl", { class: "facts" },
        el("dt", {}, "Address"), el("dd", {}, copyable(page.address, "address")),
        el("dt", {}, "Owner"), el("dd", {}, copyable(page.owner, "owner")),
        el("dt", {}, "Hexagon"), el("dd", {}, page.cell
          ? el("button", { type: "button", class: "link mono", "data-focus": "cell", onclick: () => this.onCell(page) }, page.cell)
          : "not placed yet: its owner asserts the place with hexhaul hotspot setup"),
        page.cell && [el("dt", {}, "Antenna"), el("dd", {}, `${(page.gain_ddbi / 10).toFixed(1)} dBi, ${page.elevation_m} m above ground`)]),
      el("dl", { class: "tiles" },
        tile(hxt(page.hxt, 2), `earned, ${hxt(page.released_hxt ?? 0, 2)} paid out`), tile(`${count(page.beacons_heard)} / ${count(page.beacons)}`, "beacons heard / sent"),
        tile(count(page.witnessed), "witnessed"), tile(count(page.rejected), "reports rejected")),
      this.section("earned", "Earned, and why", renderRewards(page.rewards)),
      this.section("heard-by", `Heard by ${plural(countHeard(page.heard_by), "hotspot")}`,
        this.renderLinks(page.heard_by, "witness", "Nobody has witnessed its beacons yet. The neighbours' boards listen in its next slot, once a round.")),
      this.section("heard", `Heard ${plural(countHeard(page.heard), "hotspot")}`,
        this.renderLinks(page.heard, "beaconer", "It has witnessed nobody yet. It listens whenever a neighbour is ordered to beacon.")),
      this.section("rejected", `Rejected reports (${count(page.rejected)})`, this.renderVerdicts(page.rejected_reports, "None of its reports was rejected.")),
      this.section("reports", "Latest reports", this.renderVerdicts(page.verdicts, "No reports yet: verdicts come when a round closes.")),
    ];
  }

  section(id, title, content) {
    return el("details", {
      class: "part", id: `part-${id}`, open: this.open.has(id),
      ontoggle: (event) => (event.target.open ? this.open.add(id) : this.open.delete(id)),
    }, el("summary", { "data-focus": id }, title), content);
  }

  name(address, name, focus) {
    return el("button", { type: "button", class: "link", "data-focus": focus, onclick: () => this.onOpen(address) }, name);
  }

  renderLinks(links, who, empty) {
    if (!links.length) return el("p", { class: "empty" }, empty);
    const sorted = [...links].sort((a, b) => b.heard - a.heard || a.distance_m - b.distance_m);
    return el("ul", { class: "rows" }, sorted.map((link) => el("li", {},
      this.name(link[who], link[`${who}_name`], `${who}-${link[who]}`),
      el("span", { class: "amount" }, link.heard ? `${count(link.heard)} ×` : "not accepted"),
      el("p", {}, `${decibels(link.signal_ddbm, "dBm")}, SNR ${decibels(link.snr_ddb, "dB")}, ${distance(link.distance_m)}, ${ago(link.last_ms)}`),
      link.rejected > 0 && el("p", { class: "no" }, `${count(link.rejected)} rejected${link.last_reason ? `, the last one for ${link.last_reason.replaceAll("_", " ")}` : ""}`))));
  }

  renderVerdicts(verdicts, empty) {
    if (!verdicts.length) return el("p", { class: "empty" }, empty);
    return el("ul", { class: "rows" }, verdicts.map((verdict) => {
      const isBeacon = verdict.kind === "beacon_verdict";
      const what = isBeacon
        ? "Beacon"
        : ["Witness", verdict.beaconer ? [" of ", this.name(verdict.beaconer, verdict.beaconer_name ?? "somebody", null)] : " of a beacon nobody reported"];
      const outcome = verdict.ok
        ? isBeacon ? `accepted, ${plural(verdict.witnesses, "valid witness").replace("witnesss", "witnesses")}` : `accepted${verdict.selected ? ", rewarded" : ", left out by the draw"}`
        : verdict.sentence;
      return el("li", {}, el("span", {}, what),
        el("time", { class: "amount", title: `round ${verdict.round}, block ${verdict.height}` }, clock(verdict.time_ms)),
        el("p", { class: verdict.ok ? "yes" : "no" }, outcome),
        !verdict.ok && el("p", { class: "fine" }, `${verdict.reason}: measured ${count(verdict.measured)}, limit ${count(verdict.limit)}; round ${count(verdict.round)}`));
    }));
  }
}

const countHeard = (links) => links.filter((link) => link.heard > 0).length;

function renderRewards(rewards) {
  if (!rewards.length) {
    return el("p", { class: "empty" }, "Nothing yet. What it does in an epoch is earned when the epoch closes (the time left is in the header) and paid to its owner some epochs later.");
  }
  const epochs = new Map();
  for (const reward of rewards) epochs.set(reward.epoch, [...(epochs.get(reward.epoch) ?? []), reward]);
  const sums = [...epochs].map(([epoch, parts]) => ({ epoch, parts, sum: parts.reduce((total, part) => total + part.hxt, 0) }));
  const most = Math.max(...sums.map(({ sum }) => sum));
  return el("ul", { class: "rows rewards" }, sums.slice(0, EPOCHS_SHOWN).map(({ epoch, parts, sum }) => el("li", {},
    el("span", {}, `Epoch ${count(epoch)}`), el("span", { class: "amount" }, hxt(sum)),
    el("meter", { min: 0, max: most, value: sum, "aria-label": `${hxt(sum)} of at most ${hxt(most)}` }),
    parts.map((part) => el("p", {}, part.sentence)))));
}
