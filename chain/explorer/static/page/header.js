// The line on top: height, epoch with the time left, supply, hotspots, and whether the feed is live.

import { ask } from "./api.js";
import { byId, fill } from "./dom.js";
import { compactHxt, count, exactHxt, left } from "./format.js";

const AGAIN_MS = 1500;

export class Header {
  constructor() {
    this.status = null;
    this.skewMs = 0;
    this.waiting = false;
    this.isWanted = false;
    setInterval(() => this.tick(), 1000);
  }

  // At most one question in a while, however fast blocks come; the last wish is always met.
  async refresh() {
    this.isWanted = true;
    if (this.waiting) return;
    this.waiting = true;
    this.isWanted = false;
    try {
      const [status, supply] = await Promise.all([ask("/status"), ask("/supply")]);
      this.status = status;
      this.skewMs = status.time_ms - Date.now();
      fill(byId("height"), count(status.height));
      fill(byId("hotspots"), count(status.hotspots));
      fill(byId("supply"), compactHxt(supply.hxt.held + supply.hxt.locked));
      const { minted, burnt } = supply.hxt;
      byId("supply").title = `${exactHxt(minted)} minted, ${exactHxt(burnt)} burnt; ${count(supply.data_credits.held + supply.data_credits.locked)} data credits held`;
      this.tick();
    } catch {
      // The feed's state says that the node is away; the next block asks again.
    }
    setTimeout(() => {
      this.waiting = false;
      if (this.isWanted) this.refresh();
    }, AGAIN_MS);
  }

  setHeight(height) {
    fill(byId("height"), count(height));
  }

  tick() {
    if (!this.status) return;
    const leftMs = this.status.epoch_ends_at_ms - (Date.now() + this.skewMs);
    fill(byId("epoch"), `${count(this.status.epoch)} · ${left(leftMs)}`);
    if (leftMs < -1000 && !this.waiting) this.refresh();
  }

  setConnection(state) {
    const sign = byId("connection");
    if (sign.dataset.state === state) return;
    sign.dataset.state = state;
    fill(sign, state);
  }
}
