/**
 * pdf.js as it may run here: its worker is ours, its fonts and maps come from this server, nothing
 * is made into code, and no link or script of a document does anything.
 */

import * as pdfjs from "pdfjs-dist/legacy/build/pdf.mjs";
import type { PDFDocumentProxy, PDFPageProxy } from "pdfjs-dist";
import { startWorker } from "$lib/workers";
import workerAddress from "./pdf.worker?worker&url";

export type { PDFDocumentProxy, PDFPageProxy };

declare const __PDF_ASSETS__: string;

/** What `open` may fail with, apart from the network. */
export type PdfTrouble = "gone" | "locked" | "broken" | "offline";

let port: Worker | null = null;

/** Opened, it is read piece by piece as its pages are shown; `destroy` ends that. */
export function open(address: string): { document: Promise<PDFDocumentProxy>; destroy: () => void } {
  port ??= startWorker(workerAddress);
  const task = pdfjs.getDocument({
    url: address,
    worker: pdfjs.PDFWorker.create({ port }),
    withCredentials: true,
    disableAutoFetch: true,
    rangeChunkSize: 1 << 18,
    cMapUrl: `${__PDF_ASSETS__}cmaps/`,
    cMapPacked: true,
    standardFontDataUrl: `${__PDF_ASSETS__}standard_fonts/`,
    wasmUrl: `${__PDF_ASSETS__}wasm/`,
    useWasm: false,
    useSystemFonts: true, // where a PDF brings no fonts of its own
    disableWorkerRendering: true,
    enableXfa: false,
    verbosity: 0,
  });
  return { document: task.promise, destroy: () => void task.destroy() };
}

/** What is wrong, for the reader. */
export function troubleOf(error: unknown): PdfTrouble {
  const { name, status } = error as { name?: string; status?: number };
  if (name === "PasswordException") return "locked";
  if (name === "InvalidPDFException") return "broken";
  if (status === 404 || status === 403) return "gone";
  return status === undefined || status === 0 || status >= 500 ? "offline" : "broken";
}

/** A page being drawn: its picture on `canvas`, its words (to be selected and read aloud) in `layer`. */
export class Drawing {
  #render: { cancel: () => void; promise: Promise<void> };
  #text: pdfjs.TextLayer;
  readonly done: Promise<void>;

  constructor(page: PDFPageProxy, scale: number, canvas: HTMLCanvasElement, layer: HTMLElement) {
    const viewport = page.getViewport({ scale });
    // As sharp as the screen, but no larger than a browser may draw.
    const sharp = Math.min(window.devicePixelRatio || 1, Math.sqrt(16_000_000 / (viewport.width * viewport.height)));
    canvas.width = Math.floor(viewport.width * sharp);
    canvas.height = Math.floor(viewport.height * sharp);
    this.#render = page.render({ canvas, viewport, transform: sharp === 1 ? undefined : [sharp, 0, 0, sharp, 0, 0] });
    layer.replaceChildren();
    layer.style.setProperty("--total-scale-factor", String(scale));
    this.#text = new pdfjs.TextLayer({ textContentSource: page.streamTextContent(), container: layer, viewport });
    this.done = Promise.all([this.#render.promise, this.#text.render()]).then(() => undefined);
    this.done.catch(() => undefined);
  }

  /** The elements that hold the words, one for each piece of `piecesOf`. */
  get pieces(): HTMLElement[] {
    return this.#text.textDivs;
  }

  cancel(): void {
    this.#render.cancel();
    this.#text.cancel();
  }
}

/** The words of a page in pieces, in the order that `Drawing.pieces` has; a line's last ends with "\n". */
export async function piecesOf(page: PDFPageProxy): Promise<string[]> {
  const { items } = await page.getTextContent();
  return items.flatMap((item) => ("str" in item ? [item.hasEOL ? `${item.str}\n` : item.str] : []));
}
