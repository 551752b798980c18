// Check statements with the validator of Learning Locker, which is in the folder named first.
//
// Reads one statement per line, and prints one line for each that is refused: its number, and where
// and why.

const validate = require(`${process.argv[2]}/node_modules/@learninglocker/xapi-validation`).default;
const lines = require("readline").createInterface({ input: process.stdin });

let number = 0;
lines.on("line", (line) => {
  const found = validate(JSON.parse(line)).map(
    (warning) => `${(warning.path ?? []).slice(1).join(".")}: ${warning.constructor.name}`,
  );
  if (found.length > 0) console.log(JSON.stringify([number, found]));
  number += 1;
});
