// Elements from templates. Values become text nodes and properties: nothing that was recorded is ever parsed as markup.
import { h } from "preact";
import htm from "htm";

export const html = htm.bind(h);
