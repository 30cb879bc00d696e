// Makes MicroPython's WASI build safe for its own garbage collector.
//
// MicroPython finds live objects by scanning the C stack. WebAssembly locals and operands are not on that stack, so a
// collection frees what only a local still holds. Binaryen's spill-pointers pass stores pointer-like locals on the C
// stack around every call; it sees locals only, so nested calls (whose results wait on the operand stack) are first
// flattened into locals. Functions with try_table cannot be flattened; they are checked to hold no such operand.
//
// usage: node spill_pointers.mjs INPUT.wasm OUTPUT.wasm
import { readFileSync, writeFileSync } from "node:fs";
import binaryen from "binaryen";

const [input, output] = process.argv.slice(2);

function leb(n) {
  const bytes = [];
  do {
    let byte = n & 0x7f;
    n >>>= 7;
    if (n) byte |= 0x80;
    bytes.push(byte);
  } while (n);
  return bytes;
}

// The wheel's file has no name section; binaryen finds the C stack pointer by its name only. clang's linker always
// makes it global 0. A name section: id 0, "name", sub-section 7 (globals), one entry: index 0 -> the name.
function nameStackPointer(wasm) {
  const text = (s) => [...leb(s.length), ...Buffer.from(s)];
  const entries = [...leb(1), ...leb(0), ...text("__stack_pointer")];
  const body = [...text("name"), 7, ...leb(entries.length), ...entries];
  return Buffer.concat([wasm, Buffer.from([0, ...leb(body.length), ...body])]);
}

// Names of the functions whose body holds a try_table (binaryen's JavaScript interface cannot ask for it, its text can).
function functionsWithTryTable(module) {
  const names = new Set();
  let name = null;
  for (const line of module.emitText().split("\n")) {
    const start = line.match(/^ \(func \$(\S+)/);
    if (start) name = start[1];
    if (line.includes("(try_table") && name !== null) names.add(name);
  }
  return names;
}

const module = binaryen.readBinary(nameStackPointer(readFileSync(input)));
const unflattenable = functionsWithTryTable(module);
let flattened = 0;
for (let index = 0; index < module.getNumFunctions(); index++) {
  const { name, module: importedFrom } = binaryen.getFunctionInfo(module.getFunctionByIndex(index));
  if (importedFrom || unflattenable.has(name)) continue;
  module.runPassesOnFunction(name, ["flatten", "simplify-locals-nonesting", "coalesce-locals", "vacuum"]);
  flattened += 1;
}
module.runPasses(["spill-pointers"]);
if (!module.validate()) throw new Error("binaryen made an invalid module");
writeFileSync(output, module.emitBinary());
console.log(`${flattened} functions flattened, ${unflattenable.size} left as they are (try_table)`);
