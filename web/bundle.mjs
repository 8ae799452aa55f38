// Bundles the pages' assets: `node bundle.mjs OUT [--source-maps]`.
//
// Every web/src/NAME.entry.ts becomes NAME.HASH.js, every NAME.entry.css becomes NAME.HASH.css, and every file below
// web/static keeps its folder: icons/FILE.HASH.svg. licences.HASH.txt holds the licences of the packages that were
// bundled. OUT/manifest.json tells the hashed name of each plain one. Files are written first, the manifest next, and
// what it no longer names is removed last, so that a server that reads OUT meanwhile always finds what its manifest
// names.

import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, extname, join, relative } from "node:path";
import { argv, exit } from "node:process";
import { fileURLToPath } from "node:url";
import esbuild from "esbuild";

const WEB = dirname(fileURLToPath(import.meta.url));
const SRC = join(WEB, "src");
const STATIC = join(WEB, "static");
const MANIFEST = "manifest.json";

/** Paths of all files below a folder, sorted; none if there is no such folder. */
async function filesBelow(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((error) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** NAME.HASH.EXTENSION for a file's name and contents. */
function hashedName(name, contents) {
  const hash = createHash("sha256").update(contents).digest("hex").slice(0, 8).toUpperCase();
  const extension = extname(name);
  return `${name.slice(0, name.length - extension.length)}.${hash}${extension}`;
}

/** The licences of the npm packages among the inputs of a bundle, as one file; none without packages. */
async function bundledLicences(inputs) {
  const packages = new Set(
    inputs.map((path) => path.match(/^.*\bnode_modules\/(?:@[^/]+\/)?[^/]+/)?.[0]).filter(Boolean),
  );
  const parts = [];
  for (const folder of [...packages].sort()) {
    const licence = (await readdir(join(WEB, folder))).find((name) => /^licen[cs]e/i.test(name));
    if (!licence) throw new Error(`${folder}: no licence file; it can't be bundled`);
    parts.push(`${folder.replace(/^.*node_modules\//, "")}\n\n${await readFile(join(WEB, folder, licence), "utf8")}`);
  }
  if (!parts.length) return { files: [], manifest: [] };
  const contents = parts.join("\n\n");
  const name = hashedName("licences.txt", contents);
  return { files: [[name, contents]], manifest: [["licences.txt", name]] };
}

async function bundleEntries(out, sourceMaps) {
  const entries = (await filesBelow(SRC)).filter((path) => dirname(path) === SRC && /\.entry\.(ts|css)$/.test(path));
  const result = await esbuild.build({
    absWorkingDir: WEB,
    assetNames: "[name].[hash]",
    bundle: true,
    charset: "utf8",
    entryNames: "[name].[hash]",
    entryPoints: entries.map((path) => ({ in: path, out: basename(path).replace(/\.entry\.\w+$/, "") })),
    format: "esm",
    legalComments: "eof",
    loader: { ".svg": "file", ".woff2": "file" },
    logLevel: "warning",
    metafile: true,
    minify: true,
    outdir: out,
    sourcemap: sourceMaps ? "linked" : false,
    target: ["es2022", "chrome111", "firefox113", "safari16.4"],
    write: false,
  });
  const named = Object.entries(result.metafile.outputs).filter(([, output]) => output.entryPoint);
  const licences = await bundledLicences(Object.keys(result.metafile.inputs));
  return {
    files: [...result.outputFiles.map((file) => [relative(out, file.path), file.contents]), ...licences.files],
    manifest: [
      ...named.map(([path, output]) => {
        const name = basename(output.entryPoint).replace(/\.entry\.\w+$/, "");
        return [name + extname(path), relative(out, join(WEB, path))];
      }),
      ...licences.manifest,
    ],
  };
}

async function hashStatic() {
  const files = [];
  const manifest = [];
  for (const path of await filesBelow(STATIC)) {
    const name = relative(STATIC, path);
    const contents = await readFile(path);
    const hashed = hashedName(name, contents);
    files.push([hashed, contents]);
    manifest.push([name, hashed]);
  }
  return { files, manifest };
}

async function main(out, sourceMaps) {
  const parts = [await bundleEntries(out, sourceMaps), await hashStatic()];
  const files = parts.flatMap((part) => part.files);
  const manifest = Object.fromEntries(parts.flatMap((part) => part.manifest).sort());
  for (const [name, contents] of files) {
    await mkdir(dirname(join(out, name)), { recursive: true });
    await writeFile(join(out, name), contents);
  }
  await mkdir(out, { recursive: true });
  await writeFile(join(out, `.${MANIFEST}`), `${JSON.stringify(manifest, null, 2)}\n`);
  await rename(join(out, `.${MANIFEST}`), join(out, MANIFEST));
  const kept = new Set([MANIFEST, ...files.map(([name]) => name)].map((name) => join(out, name)));
  for (const path of await filesBelow(out)) {
    if (!kept.has(path)) await rm(path);
  }
}

const [out, ...flags] = argv.slice(2);
if (!out || flags.some((flag) => flag !== "--source-maps")) {
  console.error("usage: node bundle.mjs OUT [--source-maps]");
  exit(2);
}
await main(out, flags.length > 0);
