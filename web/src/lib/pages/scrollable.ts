/** `use:scrollable`: what is wider than its place can be reached and scrolled by the keyboard, and only then. */
export function scrollable(node: HTMLElement) {
  const look = () => {
    if (node.scrollWidth > node.clientWidth + 1) node.tabIndex = 0;
    else node.removeAttribute("tabindex");
  };
  const observer = new ResizeObserver(look);
  observer.observe(node);
  for (const child of node.children) observer.observe(child);
  return { destroy: () => observer.disconnect() };
}
