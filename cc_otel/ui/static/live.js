// What happens now: one socket, which comes back where it was, and tells what it was sent to who listens.
import { token } from "./api.js";

const RETRY_MS = [200, 500, 1000, 2000, 5000];
const SILENT_MS = 25_000;

class Live {
  constructor() {
    this.listeners = new Set();
    this.states = new Set();
    this.after = "";
    this.open = [];
    this.state = { kind: "connecting", text: "connecting" };
    this.tries = 0;
  }

  start() {
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/stream`);
    this.socket = socket;
    socket.onopen = () => socket.send(JSON.stringify({ token: token(), after: this.after }));
    socket.onmessage = (event) => this.take(JSON.parse(event.data));
    socket.onclose = (event) => this.closed(socket, event);
  }

  take(message) {
    this.heard = Date.now();
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.socket.close(), SILENT_MS);
    if (message.id) this.after = message.type === "hello" && this.after ? this.after : message.id;
    if (message.type === "hello") {
      this.tries = 0;
      this.say({ kind: "live", text: "live" });
      // Where the server had no place to say, whatever came meanwhile is asked for.
      if (this.came) this.tell({ type: "returned" });
      this.came = true;
    } else if (message.type === "open") {
      this.open = message.rows;
      this.tell(message);
    } else if (message.type === "store") {
      this.say(message.trouble ? { kind: "trouble", text: message.trouble } : { kind: "live", text: "live" });
      if (!message.trouble) this.tell({ type: "reset" });
    } else if (message.type === "bye") {
      this.said = message.reason;
    } else if (message.type === "spans" || message.type === "reset") {
      if (message.type === "reset") this.after = "";
      this.tell(message);
    }
  }

  closed(socket, event) {
    if (socket !== this.socket) return;
    clearTimeout(this.silence);
    if (event.code === 1008) {
      this.say({ kind: "refused", text: event.reason });
      return;
    }
    const wait = RETRY_MS[Math.min(this.tries, RETRY_MS.length - 1)];
    this.tries += 1;
    this.say({ kind: "away", text: this.said ? `reconnecting (${this.said})` : "reconnecting" });
    this.said = "";
    setTimeout(() => this.start(), wait);
  }

  say(state) {
    this.state = state;
    this.states.forEach((listener) => listener(state));
  }

  tell(message) {
    this.listeners.forEach((listener) => listener(message));
  }

  listen(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  watch(listener) {
    this.states.add(listener);
    return () => this.states.delete(listener);
  }
}

export const live = new Live();
