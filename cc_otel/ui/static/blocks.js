// Blocks of styled text as lines: wrapped to a width, so that every line is a row. Drawn as text nodes.
import { html } from "./html.js";

const canvas = document.createElement("canvas").getContext("2d");
const widths = new Map();
const fonts = {};

export function setFonts(prose, mono) {
  if (fonts.prose !== prose || fonts.mono !== mono) widths.clear();
  Object.assign(fonts, { prose, mono });
}

function width(text, font) {
  const key = `${font}\n${text}`;
  let known = widths.get(key);
  if (known === undefined) {
    canvas.font = font;
    known = canvas.measureText(text).width;
    if (widths.size > 20_000) widths.clear();
    widths.set(key, known);
  }
  return known;
}

const isProse = (kind) => kind === "markdown" || kind === "text";

// The runs of a block as lines that are not wider than `most` pixels.
export function wrapped(block, most) {
  const prose = isProse(block.kind);
  const lines = [[]];
  let used = 0;
  const next = () => {
    lines.push([]);
    used = 0;
  };
  const add = (style, text, size) => {
    const line = lines[lines.length - 1];
    if (line.length && line[line.length - 1][0] === style) line[line.length - 1][1] += text;
    else line.push([style, text]);
    used += size;
  };
  for (const [style, content] of block.runs) {
    const code = !prose || style.includes("code");
    const font = `${/\b(b|h\d)\b/.test(style) ? "600 " : ""}${code ? fonts.mono : fonts.prose}`;
    const parts = content.replaceAll("\t", "    ").split("\n");
    parts.forEach((part, at) => {
      if (at) next();
      for (const word of prose ? part.match(/\s+|\S+/g) ?? [] : [part]) {
        let rest = word;
        let size = width(rest, font);
        if (used && used + size > most && prose) {
          next();
          if (!rest.trim()) continue;
        }
        while (used + size > most && rest.length > 1) {
          const fits = Math.max(Math.floor(((most - used) / size) * rest.length), 1);
          add(style, rest.slice(0, fits), 0);
          next();
          rest = rest.slice(fits);
          size = width(rest, font);
        }
        if (rest) add(style, rest, size);
      }
    });
  }
  while (lines.length > 1 && !lines[lines.length - 1].length) lines.pop();
  return lines;
}

export function Runs({ runs, kind }) {
  return html`<span class=${isProse(kind) ? "prose" : "mono"}>${runs.map(([style, text]) =>
    style ? html`<span class=${style.split(" ").map((word) => `s-${word}`).join(" ")}>${text}</span>` : text,
  )}</span>`;
}

export function Block({ block }) {
  return html`<figure class="block ${block.kind}">
    ${block.title && html`<figcaption>${block.title}</figcaption>`}
    <pre tabindex="0"><${Runs} runs=${block.runs} kind=${block.kind} /></pre>
    ${block.hidden_chars > 0 && html`<p class="dim">${block.hidden_chars.toLocaleString("en-US")} characters more</p>`}
  </figure>`;
}
