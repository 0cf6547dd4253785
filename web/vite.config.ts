import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, extname, join, resolve } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig, type Plugin } from "vite";

const OUT = "../src/tramontane/studio/app";

/** KaTeX brings each font in three forms; every browser that runs this app reads the first. */
function onlyWoff2(): Plugin {
  return {
    name: "only-woff2",
    enforce: "pre",
    transform(code, id) {
      if (!id.includes("katex") || !id.endsWith(".css")) return null;
      return code.replace(/,\s*url\([^)]*\.(?:woff|ttf)\)\s*format\(['"](?:woff|truetype)['"]\)/g, "");
    },
  };
}

/** The upright font is asked for with the page, not once the style sheet has been read. */
function fontFirst(): Plugin {
  return {
    name: "font-first",
    apply: "build",
    transformIndexHtml: {
      order: "post",
      handler(_html, { bundle }) {
        const font = Object.keys(bundle ?? {}).find((name) => name.includes("latin-wght-normal"));
        if (!font) throw new Error("the font has another name now");
        const attrs = { rel: "preload", as: "font", type: "font/woff2", href: `/${font}`, crossorigin: true };
        return [{ tag: "link", attrs, injectTo: "head" }];
      },
    },
  };
}

/** What pdf.js asks for by name while it reads: signs no system has, maps of characters, decoders. */
function pdfAssets(): Plugin {
  const package_ = join(import.meta.dirname, "node_modules/pdfjs-dist");
  const { version } = JSON.parse(readFileSync(join(package_, "package.json"), "utf8")) as { version: string };
  const base = `assets/pdfjs-${version}`;
  const wanted = (path: string) => /\.bcmap$|Foxit(Symbol|Dingbats)\.pfb$|_fallback\.js$|LICENSE(_FOXIT|_\w*OPENJPEG|_\w*JBIG2)?$/.test(path);
  const folders = ["cmaps", "standard_fonts", "wasm"];
  return {
    name: "pdf-assets",
    config: () => ({ define: { __PDF_ASSETS__: JSON.stringify(`/${base}/`) } }),
    configureServer(server) {
      server.middlewares.use(`/${base}`, (request, response, next) => {
        const path = join(package_, (request.url ?? "").replace(/\.\./g, ""));
        if (!wanted(path)) return next();
        if (path.endsWith(".js")) response.setHeader("content-type", "text/javascript");
        response.end(readFileSync(path));
      });
    },
    generateBundle() {
      for (const folder of folders) {
        for (const path of files(join(package_, folder)).filter(wanted)) {
          this.emitFile({ type: "asset", fileName: `${base}/${folder}/${basename(path)}`, source: readFileSync(path) });
        }
      }
    },
  };
}

/** Texts beside themselves as .br and .gz, so that the server never compresses anything. */
function compressed(): Plugin {
  let out = OUT;
  return {
    name: "compressed",
    apply: "build",
    configResolved(config) {
      out = resolve(config.root, config.build.outDir);
    },
    closeBundle() {
      for (const path of files(out)) {
        if (![".js", ".css", ".html", ".svg", ".json"].includes(extname(path))) continue;
        const body = readFileSync(path);
        if (body.length < 512) continue;
        const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } };
        writeFileSync(`${path}.br`, brotliCompressSync(body, quality));
        writeFileSync(`${path}.gz`, gzipSync(body, { level: 9 }));
      }
    },
  };
}

function files(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? files(path) : [path];
  });
}

export default defineConfig({
  plugins: [
    svelte(),
    onlyWoff2(),
    fontFirst(),
    pdfAssets(),
    compressed(),
  ],
  resolve: { alias: { $lib: new URL("./src/lib", import.meta.url).pathname } },
  build: {
    outDir: OUT,
    emptyOutDir: true,
    assetsInlineLimit: 0,
    manifest: "manifest.json",
    target: "es2022",
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      output: {
        // What every page needs is one file, so that the first page is few requests.
        codeSplitting: {
          groups: [
            {
              name: "base",
              test: /node_modules[\\/](svelte|esm-env|clsx)[\\/]|src[\\/]lib[\\/]((ui|api)[\\/]|i18n[\\/]index|chat[\\/](Tool|Prose|samples|models|prompts|facts|CopyButton)|documents[\\/](evidence|attachments|bringing|Drops|parts)\.|tables[\\/]parts\.|markdown[\\/]tables|[^\\/]+\.ts$)/,
            },
            { name: "door", test: /src[\\/]lib[\\/]pages[\\/](Door|Password|password)\./ },
          ],
        },
      },
    },
  },
  worker: { format: "es" },
  server: {
    proxy: Object.fromEntries(
      ["/api", "/v1", "/docs", "/ready"].map((path) => [
        path,
        process.env.TRAMONTANE_URL ?? "http://127.0.0.1:8080",
      ]),
    ),
  },
});
