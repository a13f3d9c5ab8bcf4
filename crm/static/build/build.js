// Fills vendor/ from node_modules: node build.js <folder with node_modules> <vendor folder> <folder for test-only files>
// Runs in a work folder, so that the checkout holds no node_modules; both target folders are replaced as a whole.
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const [work, vendor, vendorTest] = process.argv.slice(2).map((path) => resolve(path));
const here = dirname(fileURLToPath(import.meta.url));
const modules = join(work, "node_modules");
const staging = `${vendor}.new`;

// Licences travel with the files, also inside the wheel.
const LICENCES = ["@popperjs/core", "@tabler/icons", "echarts", "htmx.org", "idb", "tslib", "zrender"];
const COMPRESSED = /\.(css|js|svg)$/;

function text(...path) {
  return readFileSync(join(modules, ...path), "utf8");
}

function put(name, content) {
  const target = join(staging, name);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, content);
}

function withoutSourceMap(source) {
  // The maps are not shipped, and a pointer to them makes developer tools ask for a file that is not there.
  return source.replace(/\/\*# sourceMappingURL=.*?\*\/|\/\/# sourceMappingURL=\S+/g, "").trimEnd() + "\n";
}

function tablerCss() {
  // Ticks, arrows and switches sit in the style sheet as data: addresses, which our content security policy refuses:
  // each becomes a small file beside the style sheet.
  const names = new Map();
  const css = text("@tabler", "core", "dist", "css", "tabler.min.css");
  const rewritten = css.replace(/url\("data:image\/svg\+xml,([^"]+)"\)/g, (_, encoded) => {
    const svg = decodeURIComponent(encoded);
    if (!names.has(svg)) {
      names.set(svg, `tabler-images/${createHash("sha256").update(svg).digest("hex").slice(0, 12)}.svg`);
      put(names.get(svg), svg);
    }
    return `url("${names.get(svg)}")`;
  });
  if (/url\(["']?(data:|https?:|\/\/)/.test(rewritten) || /@import/.test(rewritten)) {
    throw new Error("tabler.min.css still refers to something outside its folder");
  }
  return withoutSourceMap(rewritten);
}

function iconSprite() {
  const names = readFileSync(join(here, "icons.txt"), "utf8").split(/\s+/).filter(Boolean);
  const symbols = names.map((name) => {
    const svg = text("@tabler", "icons", "icons", "outline", `${name}.svg`);
    const shapes = svg
      .replace(/^[\s\S]*?<svg[^>]*>/, "")
      .replace(/<\/svg>\s*$/, "")
      .replace(/<path stroke="none" d="M0 0h24v24H0z" fill="none" \/>/, "")
      .replace(/\s*\n\s*/g, "");
    const pen = 'fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"';
    return `<symbol id="${name}" viewBox="0 0 24 24" ${pen}>${shapes}</symbol>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg">\n${symbols.join("\n")}\n</svg>\n`;
}

async function bundle(entry) {
  // esbuild is loaded from the work folder; its platform package carries the program, so no install script has to run.
  const esbuild = createRequire(join(work, "package.json"))("esbuild");
  const result = await esbuild.build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    write: false,
    format: "iife",
    target: "es2020",
    legalComments: "inline",
    nodePaths: [modules],
    logLevel: "error",
  });
  return result.outputFiles[0].text;
}

function filesUnder(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesUnder(path) : [path];
  });
}

function compress(path) {
  // waitress does not compress, so the answer to each Accept-Encoding is made here, once.
  const content = readFileSync(path);
  const sha256 = createHash("sha256").update(content).digest("hex");
  // Below this a packet holds either form.
  if (content.length < 1000) return { sha256, bytes: content.length, gzip: content.length, br: content.length };
  const brotli = brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
  const gzip = gzipSync(content, { level: 9 });
  writeFileSync(`${path}.br`, brotli);
  writeFileSync(`${path}.gz`, gzip);
  return { sha256, bytes: content.length, gzip: gzip.length, br: brotli.length };
}

function licences() {
  for (const name of LICENCES) {
    const folder = join(modules, name);
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    if (!file) throw new Error(`${name} carries no licence file`);
    put(`licences/${name.replace("/", "-").replace("@", "")}.txt`, text(name, file));
  }
  // @tabler/core states its licence in package.json only; bootstrap is built into it.
  const { version, license } = JSON.parse(text("@tabler", "core", "package.json"));
  put("licences/tabler-core.txt", `@tabler/core ${version}: ${license}. It contains Bootstrap, Copyright the Bootstrap Authors, MIT.\n`);
}

function replace(target) {
  rmSync(target, { recursive: true, force: true });
  mkdirSync(dirname(target), { recursive: true });
}

rmSync(staging, { recursive: true, force: true });
put("tabler.min.css", tablerCss());
put("tabler.min.js", withoutSourceMap(text("@tabler", "core", "dist", "js", "tabler.min.js")));
put("htmx.min.js", withoutSourceMap(text("htmx.org", "dist", "htmx.min.js")));
put("echarts.min.js", await bundle(join(here, "echarts_entry.js")));
put("phone.min.js", await bundle(join(here, "..", "js", "phone", "main.js")));
put("icons.svg", iconSprite());
licences();
const manifest = {};
for (const path of filesUnder(staging).filter((file) => COMPRESSED.test(file)).sort()) {
  manifest[relative(staging, path).replaceAll("\\", "/")] = compress(path);
}
put("manifest.json", JSON.stringify(manifest, null, 1) + "\n");
replace(vendor);
renameSync(staging, vendor);

if (vendorTest && existsSync(join(modules, "axe-core"))) {
  replace(vendorTest);
  mkdirSync(vendorTest);
  cpSync(join(modules, "axe-core", "axe.min.js"), join(vendorTest, "axe.min.js"));
}
const total = Object.values(manifest).reduce((sum, file) => sum + file.gzip, 0);
console.log(`front end: ${Object.keys(manifest).length} files, ${Math.round(total / 1000)} kB compressed, in ${relative(process.cwd(), vendor) || vendor}`);
if (!statSync(join(vendor, "manifest.json")).size) throw new Error("the manifest is empty");
