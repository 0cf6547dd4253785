/** What of the shell is open: the list at the left, the search, the sheet of shortcuts. */

const FOLDED = "tramontane.folded";

class Layout {
  /** The list is folded away (wide windows); remembered on this device. */
  isFolded = $state(localStorage.getItem(FOLDED) === "1");
  /** The list lies over the page (narrow windows). */
  isDrawerOpen = $state(false);
  isSearching = $state(false);
  isShowingKeys = $state(false);
  /** The window is too narrow for list and page side by side. */
  isNarrow = $state(false);

  constructor() {
    const narrow = window.matchMedia("(max-width: 56rem)");
    this.isNarrow = narrow.matches;
    narrow.addEventListener("change", () => {
      this.isNarrow = narrow.matches;
      this.isDrawerOpen = false;
    });
  }

  get isListShown(): boolean {
    return this.isNarrow ? this.isDrawerOpen : !this.isFolded;
  }

  toggleList(): void {
    if (this.isNarrow) {
      this.isDrawerOpen = !this.isDrawerOpen;
    } else {
      this.isFolded = !this.isFolded;
      localStorage.setItem(FOLDED, this.isFolded ? "1" : "0");
    }
  }
}

export const layout = new Layout();

/** "⌘" where that key is, else "Ctrl". */
export const META = /Mac|iPhone|iPad/.test(navigator.platform) ? "⌘" : "Ctrl";
