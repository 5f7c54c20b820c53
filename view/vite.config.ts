import { defineConfig } from "vite";

export default defineConfig({
  // The page is served below /view/, whatever the host.
  base: "./",
  build: {
    target: "es2022",
    // A strict Content-Security-Policy allows no `data:` scripts, and small files cost nothing here.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    license: { fileName: "licences.md" },
  },
  worker: { format: "es" },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
});
