// Changes the page in place: only what differs is touched, so that nothing jumps and focus stays where it is.

import type { RegionChange } from "./message";

/** Bring a region up to date: parts are made, moved, changed and removed by their keys. */
export function updateRegion(region: Element, change: RegionChange): void {
  const parts = new Map<string, Element>();
  for (const child of [...region.children]) {
    const key = child.getAttribute("data-key");
    if (key !== null && change.keys.includes(key)) parts.set(key, child);
    else child.remove();
  }
  let place = region.firstElementChild;
  for (const key of change.keys) {
    const html = change.html[key];
    const known = parts.get(key);
    const fresh = html === undefined ? undefined : parse(html);
    const part = known ?? fresh;
    if (!part) continue;
    if (known && fresh) morph(known, fresh);
    if (part === place) place = place.nextElementSibling;
    else region.insertBefore(part, place);
  }
}

function parse(html: string): Element | undefined {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.firstElementChild ?? undefined;
}

/** Make an element like another one, keeping every node that can stay. */
export function morph(old: Element, fresh: Element): void {
  // What somebody unfolded stays unfolded.
  const own = old instanceof HTMLDetailsElement ? "open" : "";
  for (const { name } of [...old.attributes]) if (name !== own && !fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  const next = [...fresh.childNodes];
  const present = [...old.childNodes];
  next.forEach((node, index) => {
    const other = present[index];
    if (!other) old.appendChild(node);
    else if (isAlike(other, node)) change(other, node);
    else old.replaceChild(node, other);
  });
  for (const extra of present.slice(next.length)) extra.remove();
}

function isAlike(one: Node, other: Node): boolean {
  return one.nodeType === other.nodeType && one.nodeName === other.nodeName;
}

function change(old: Node, fresh: Node): void {
  if (old instanceof Element && fresh instanceof Element) morph(old, fresh);
  else if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
}
