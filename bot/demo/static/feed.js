// The column of messages: order, day marks, unread mark, scrolling, typing and drafts.

import { day, element, refreshMoments } from "./format.js";
import { renderDraft, renderMessage, renderTyping } from "./bubbles.js";

const NEAR_BOTTOM = 80;
const TYPING_MS = 6_000;
const DRAFT_MS = 30_000;

export class Feed {
  constructor(actions, onUnread) {
    this.scroller = document.getElementById("feed");
    this.lane = document.getElementById("lane");
    this.toBottom = document.getElementById("to-bottom");
    this.actions = actions;
    this.onUnread = onUnread;
    this.messages = new Map();
    this.drafts = new Map();
    this.unread = 0;
    this.lastDay = "";
    this.scroller.addEventListener("scroll", () => this.onScroll(), { passive: true });
    this.toBottom.addEventListener("click", () => this.scrollDown(true));
    document.addEventListener("visibilitychange", () => this.onScroll());
    new ResizeObserver(() => this.stick()).observe(this.lane);
    new ResizeObserver(() => this.stick()).observe(this.scroller);
    this.sticks = true;
    setInterval(() => refreshMoments(this.lane), 15_000);
  }

  reset(messages, welcome) {
    this.lane.replaceChildren();
    this.messages.clear();
    this.drafts.clear();
    this.typing = null;
    this.lastDay = "";
    this.readUp();
    for (const message of messages) this.append(message);
    if (!messages.length) this.lane.append(welcome());
    this.scrollDown(false);
  }

  add(message) {
    this.lane.querySelector(".welcome")?.remove();
    this.stopTyping();
    if (!message.is_mine) this.dropDrafts();
    const seen = message.is_mine || (this.sticks && document.visibilityState === "visible");
    if (!seen) this.markUnread();
    this.append(message).classList.add("new");
    if (message.is_mine) this.scrollDown(true);
  }

  append(message) {
    const today = day(message.date);
    if (today !== this.lastDay) {
      this.lastDay = today;
      this.lane.append(element("div", "mark", today));
    }
    const row = renderMessage(message, this.actions);
    this.messages.set(message.message_id, { message, row });
    this.lane.insertBefore(row, this.typing ?? null);
    return row;
  }

  edit(message) {
    const known = this.messages.get(message.message_id);
    if (!known) return;
    const row = renderMessage(message, this.actions);
    const open = [...known.row.querySelectorAll(".quoted")].map((quote) => quote.classList.contains("open"));
    row.querySelectorAll(".quoted").forEach((quote, i) => quote.classList.toggle("open", Boolean(open[i])));
    known.row.replaceWith(row);
    this.messages.set(message.message_id, { message, row });
  }

  remove(messageId) {
    this.messages.get(messageId)?.row.remove();
    this.messages.delete(messageId);
  }

  get(messageId) {
    return this.messages.get(messageId)?.message;
  }

  show(messageId) {
    const known = this.messages.get(messageId);
    if (!known) return this.actions.toast("This message is gone.");
    known.row.scrollIntoView({ block: "center", behavior: "smooth" });
    known.row.classList.remove("flash");
    requestAnimationFrame(() => known.row.classList.add("flash"));
  }

  startTyping() {
    if (!this.typing) {
      this.typing = renderTyping();
      this.lane.append(this.typing);
    }
    clearTimeout(this.typingTimer);
    this.typingTimer = setTimeout(() => this.stopTyping(), TYPING_MS);
  }

  stopTyping() {
    clearTimeout(this.typingTimer);
    this.typing?.remove();
    this.typing = null;
  }

  draft(draft, onStop) {
    this.stopTyping();
    const row = renderDraft(draft, this.actions, () => onStop(draft.draft_id));
    const known = this.drafts.get(draft.draft_id);
    if (known) {
      clearTimeout(known.timer);
      known.row.replaceWith(row);
    } else {
      this.lane.append(row);
    }
    const timer = setTimeout(() => { row.remove(); this.drafts.delete(draft.draft_id); }, DRAFT_MS);
    this.drafts.set(draft.draft_id, { row, timer });
  }

  dropDrafts() {
    for (const { row, timer } of this.drafts.values()) { clearTimeout(timer); row.remove(); }
    this.drafts.clear();
  }

  markUnread() {
    if (this.unread === 0) {
      this.lane.querySelector(".unread")?.remove();
      this.lane.append(element("div", "mark unread", "New messages"));
    }
    this.unread += 1;
    this.onUnread(this.unread);
    this.showButton();
  }

  readUp() {
    this.unread = 0;
    this.onUnread(0);
    this.showButton();
  }

  onScroll() {
    const gap = this.scroller.scrollHeight - this.scroller.scrollTop - this.scroller.clientHeight;
    this.sticks = gap < NEAR_BOTTOM;
    if (this.sticks && this.unread && document.visibilityState === "visible") this.readUp();
    this.showButton();
  }

  showButton() {
    this.toBottom.hidden = this.sticks;
    const count = document.getElementById("unread-count");
    count.hidden = this.unread === 0;
    count.textContent = this.unread;
  }

  stick() {
    if (this.sticks) this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  scrollDown(smooth) {
    this.sticks = true;
    this.scroller.scrollTo({ top: this.scroller.scrollHeight, behavior: smooth ? "smooth" : "instant" });
  }
}
