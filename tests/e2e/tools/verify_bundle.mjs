// An independent verifier of evidence bundles and checkpoints: Node's own modules only, nothing of Callgate's.
// node verify_bundle.mjs FOLDER [KEY]: the unpacked bundle; prints one JSON object, exit code 1 if anything is wrong.
import { createHash, createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const sha = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest();
const leaf = (row) => sha(Buffer.from([0]), row);
const node = (left, right) => sha(Buffer.from([1]), left, right);

function parseKey(text) {
  const [name, id, rest] = text.trim().split(/\+(.*)/s).flatMap((part, at) => (at === 1 ? part.split(/\+(.*)/s) : [part]));
  const material = Buffer.from(rest, "base64");
  const expected = sha(Buffer.from(name + "\n"), material).subarray(0, 4);
  if (material[0] !== 1 || !expected.equals(Buffer.from(id, "hex"))) throw new Error("not an Ed25519 key of a note");
  const prefix = Buffer.from("302a300506032b6570032100", "hex"); // SubjectPublicKeyInfo of Ed25519
  const key = createPublicKey({ key: Buffer.concat([prefix, material.subarray(1)]), format: "der", type: "spki" });
  return { name, id: expected, key };
}

function parseNote(text) {
  const end = text.lastIndexOf("\n\n");
  const signatures = text.slice(end + 2).trimEnd().split("\n").map((line) => {
    const [dash, name, encoded] = line.split(" ");
    if (dash !== "—") throw new Error("not a signature line");
    const bytes = Buffer.from(encoded, "base64");
    return { name, id: bytes.subarray(0, 4), signature: bytes.subarray(4) };
  });
  return { text: text.slice(0, end + 1), signatures };
}

function signedBy(note, known) {
  return note.signatures.some(
    (one) => one.name === known.name && one.id.equals(known.id) && verify(null, Buffer.from(note.text), known.key, one.signature),
  );
}

function parseCheckpoint(text) {
  const [origin, size, root] = text.split("\n");
  return { origin, size: Number(size), root: Buffer.from(root, "base64") };
}

// RFC 9162, 2.1.3.2
function included(hash, index, size, proof, root) {
  if (index >= size) return false;
  let at = BigInt(index), last = BigInt(size) - 1n, found = hash;
  for (const other of proof) {
    if (last === 0n) return false;
    if (at % 2n === 1n || at === last) {
      found = node(other, found);
      while (at % 2n === 0n && at !== 0n) { at >>= 1n; last >>= 1n; }
    } else found = node(found, other);
    at >>= 1n; last >>= 1n;
  }
  return last === 0n && found.equals(root);
}

function main(folder, trusted) {
  const read = (name) => readFileSync(join(folder, name), "utf8");
  const said = JSON.parse(read("bundle.json"));
  const note = parseNote(read("checkpoint.txt"));
  const checkpoint = parseCheckpoint(note.text);
  const wrong = [];
  let key = parseKey(trusted ?? said.key);
  const keys = [key];
  for (const text of said.rotations) {
    const rotation = parseNote(text);
    const [, , , before, after] = rotation.text.split("\n");
    const [old, fresh] = [parseKey(before), parseKey(after)];
    if (!signedBy(rotation, old) || !signedBy(rotation, fresh)) wrong.push("a rotation is not signed by both keys");
    else if (keys.some((one) => one.id.equals(old.id))) keys.push(fresh);
    else if (keys.some((one) => one.id.equals(fresh.id))) keys.push(old);
  }
  if (!keys.some((one) => signedBy(note, one))) wrong.push("the checkpoint is not signed by the key");
  let rows = 0, proved = 0;
  for (const line of read("events.jsonl").split("\n").filter(Boolean)) {
    const row = JSON.parse(line);
    const hash = Buffer.from(row.hash, "hex");
    rows += 1;
    const expected = sha(Buffer.from("callgate.row.1\0"), Buffer.from(row.prev, "hex"), Buffer.from(row.body));
    const body = JSON.parse(row.body);
    if (!expected.equals(hash) || body.seq !== row.seq) wrong.push(`row ${row.seq}: its hash does not fit`);
    if (row.kept !== undefined) {
      const seal = sha(Buffer.from("callgate.payload.1\0"), Buffer.from(row.salt, "hex"), Buffer.from(row.kept)).toString("hex");
      if (body.detail?.payload?.seal !== seal) wrong.push(`row ${row.seq}: another payload`);
    }
    if (row.proof === undefined) continue;
    const proof = row.proof.map((one) => Buffer.from(one, "base64"));
    if (included(leaf(hash), row.seq - 1, checkpoint.size, proof, checkpoint.root)) proved += 1;
    else wrong.push(`row ${row.seq}: the checkpoint does not have it`);
  }
  console.log(JSON.stringify({ ok: wrong.length === 0, origin: checkpoint.origin, size: checkpoint.size, rows, proved, wrong }));
  process.exit(wrong.length ? 1 : 0);
}

main(process.argv[2], process.argv[3]);
