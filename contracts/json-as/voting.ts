// A vote: each caller has one voice until a block.
//
// constructor {"options": ["yes", "no"], "last": 100}   2 to 16 options; `last` is the last block with voting
// vote        {"option": "yes"}                         the output is the tally; emits "vote"
// tally       {}                                        the output is {"yes":1,"no":0}, in the order of the options
//
// Storage: "options" as the JSON {"options":[...]}, "last", "votes/OPTION", "voter/ADDRESS".

import { args, caller, emit, fail, height, load, result, store } from "./env";
import { Arguments, quote } from "./json";

export function constructor(): void {
  const given = new Arguments(args());
  const options = given.texts("options");
  if (options.length < 2 || options.length > 16) fail("2 to 16 options are needed");
  for (let i = 0; i < options.length; i++) {
    if (options.indexOf(options[i]) != i) fail("an option stands twice");
    store("votes/" + options[i], "0");
  }
  store("options", list(options));
  store("last", given.number("last", u64.MAX_VALUE).toString());
}

export function vote(): void {
  const option = new Arguments(args()).text_of("option");
  const last = load("last");
  if (last !== null && <u64>height() > U64.parseInt(last)) fail("the vote is closed");
  const votes = load("votes/" + option);
  if (votes === null) fail("no such option");
  const voter = caller();
  if (load("voter/" + voter) !== null) fail("voted already");
  store("voter/" + voter, option);
  store("votes/" + option, (U64.parseInt(votes!) + 1).toString());
  emit("vote", "{\"voter\":\"" + voter + "\",\"option\":" + quote(option) + "}");
  tally();
}

export function tally(): void {
  const options = load("options");
  if (options === null) fail("the contract was deployed without options");
  const names = new Arguments(Uint8Array.wrap(String.UTF8.encode(options!))).texts("options");
  let text = "";
  for (let i = 0; i < names.length; i++) {
    if (i > 0) text += ",";
    text += quote(names[i]) + ":" + load("votes/" + names[i])!;
  }
  result("{" + text + "}");
}

function list(options: string[]): string {
  let text = "";
  for (let i = 0; i < options.length; i++) text += (i > 0 ? "," : "") + quote(options[i]);
  return "{\"options\":[" + text + "]}";
}
