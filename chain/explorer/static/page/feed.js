// The live feed: what each block changed, as sentences, newest first.

import { byId, el, fill } from "./dom.js";
import { clock } from "./format.js";

const KEPT = 200;
const SIGNS = {
  hotspot_added: ["＋", "new"], location_asserted: ["⌖", "new"], beacon_verdict: ["◉", "radio"], witness_verdict: ["✕", "no"],
  epoch_closed: ["◆", "money"], payment: ["→", "money"], burn: ["△", "money"], channel_claimed: ["◇", "money"],
  coverage_requested: ["⬡", "money"], coverage_request_burnt: ["⬡", "money"], coverage_request_ended: ["⬡", "quiet"], escrow_burnt: ["✕", "no"],
  channel_opened: ["◇", "money"], router_registered: ["▣", "new"], router_updated: ["▣", "new"], round_opened: ["○", "quiet"],
};

export class Feed {
  constructor(onHotspot) {
    this.onHotspot = onHotspot;
    this.list = el("ol", { class: "feed", role: "log", "aria-label": "What happens on the chain" });
    this.empty = el("p", { class: "empty" },
      el("strong", {}, "Nothing has happened yet."),
      " As soon as a hotspot is set up (", el("code", {}, "hexhaul hotspot setup"), ") its joining shows here; its first beacon follows within a round.");
    fill(byId("live"), this.empty, this.list);
  }

  // The last sentences of the chain, newest first: after each connection anew.
  restart(sentences) {
    fill(this.list, sentences.map((sentence) => this.render(sentence)));
    this.showEmpty();
  }

  add(block) {
    for (const sentence of block.sentences) {
      const row = this.render(sentence);
      row.classList.add("fresh");
      this.list.prepend(row);
    }
    while (this.list.children.length > KEPT) this.list.lastChild.remove();
    this.showEmpty();
  }

  addDropped(blocks) {
    this.list.prepend(el("li", { class: "quiet" }, el("p", {}, `${blocks} blocks went by too fast to show here`)));
  }

  showEmpty() {
    this.empty.hidden = this.list.children.length > 0;
  }

  render(sentence) {
    const isNo = sentence.text.includes(" rejected: ");
    const [sign, tone] = isNo ? SIGNS.witness_verdict : SIGNS[sentence.kind] ?? ["·", "quiet"];
    const text = sentence.hotspot
      ? el("button", { type: "button", class: "line", onclick: () => this.onHotspot(sentence.hotspot) }, sentence.text)
      : el("p", {}, sentence.text);
    return el("li", { class: tone },
      el("span", { class: "sign", "aria-hidden": "true" }, sign), text,
      el("time", { datetime: new Date(sentence.time_ms).toISOString(), title: `block ${sentence.height}` }, clock(sentence.time_ms)));
  }
}
