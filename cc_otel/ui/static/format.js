// Numbers and times as people read them. Pure.

export function duration(ms) {
  if (ms < 0.01) return "";
  if (ms < 1) return `${ms.toFixed(2)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min ${Math.round((ms % 60_000) / 1000)} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}

export function clock(ms) {
  return new Date(ms).toLocaleTimeString("en-GB");
}

export function day(ms) {
  return new Date(ms).toLocaleDateString("sv-SE");
}

export function ago(ms, now) {
  const gone = Math.max(now - ms, 0);
  if (gone < 60_000) return "now";
  if (gone < 3_600_000) return `${Math.floor(gone / 60_000)} min ago`;
  if (gone < 86_400_000) return `${Math.floor(gone / 3_600_000)} h ago`;
  if (gone < 7 * 86_400_000) return `${Math.floor(gone / 86_400_000)} days ago`;
  return day(ms);
}

export function dollars(usd, unpriced = 0) {
  if (usd == null) return unpriced ? "no price" : "";
  const shown = usd === 0 ? "$0" : usd < 0.01 ? `$${usd.toFixed(4)}` : `$${usd.toFixed(2)}`;
  return shown + (unpriced ? "+" : "");
}

export function count(number) {
  return (number ?? 0).toLocaleString("en-US");
}

export function tokens(number) {
  if (!number) return "0";
  return number < 10_000 ? count(number) : number < 1e6 ? `${Math.round(number / 1000)}k` : `${(number / 1e6).toFixed(1)}M`;
}

export function plural(number, word) {
  return `${count(number)} ${word}${number === 1 ? "" : "s"}`;
}

// The last folder of a path, and the one above where that says more.
export function folderName(path) {
  return path ? path.split("/").filter(Boolean).slice(-1)[0] ?? path : "";
}
