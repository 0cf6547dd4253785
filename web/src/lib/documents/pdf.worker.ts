/** What reads a PDF, off the page's thread. */

import "pdfjs-dist/legacy/build/pdf.worker.min.mjs";
