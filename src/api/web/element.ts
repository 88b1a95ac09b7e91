/** The element with this id; the page is broken without it. */
export function at(id: string): HTMLElement {
  const element = document.getElementById(id)
  if (element === null) throw new Error(`the page has no #${id}`)
  return element
}

export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  { className = '', text = '' }: { className?: string; text?: string } = {},
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag)
  made.className = className
  made.textContent = text
  return made
}

/** Writes only what differs: an equal text written again costs a layout and a screen reader's patience. */
export function say(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text
}
