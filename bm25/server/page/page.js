// The page of the server: texts go to /analyze and /explain as one types, answers are shown as text only.

const DELAY = 200; // milliseconds without typing before a request
const MOST_ROWS = 500; // of a table; beyond that a browser gets slow
const LONGEST_FRAGMENT = 50_000; // of an address; browsers and what passes it on have limits
const KEY = "bm25-api-key";
const EXAMPLE = {
  text: "The foxes were running past the café, and one fox ran faster than the others.",
  role: "update",
  model: "",
  options: {},
  query: "fast running fox",
  document: "The quick brown fox ran away, and the other foxes kept running.",
  documents: "Dogs are loyal animals.\nA fox is a small animal of the dog family.\nFast food is eaten fast.",
};
const STATISTICS = {
  documents: "the texts given here",
  model: "the model's statistics",
  document: "the document alone",
};

const $ = (id) => document.getElementById(id);
const fields = [...document.querySelectorAll("[data-option]")];
const texts = ["text", "query", "document", "documents"];
let models = [];
let choices = {};

// The key: in this tab only, and in memory where the browser has no storage.

let keyInMemory = null;

function storedKey() {
  try { return sessionStorage.getItem(KEY); } catch { return keyInMemory; }
}

function storeKey(key) {
  keyInMemory = key;
  try {
    if (key === null) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, key);
  } catch { /* it is in memory */ }
  $("forget-key").hidden = key === null;
}

function askForKey(used) {
  if (used !== storedKey()) return; // another one has been entered since
  const refused = used !== null;
  if (refused) storeKey(null);
  if (refused || $("key-form").hidden) {
    $("key-message").textContent = refused ? "The server did not accept that key." : "This server asks for a key.";
  }
  $("key-form").hidden = false;
  // Whoever is typing a text is not moved away from it.
  if (document.activeElement === document.body || refused) $("key").focus();
}

// Requests: a new one of a panel replaces the one under way.

class Superseded extends Error {}

const underWay = new Map();

async function ask(panel, path, body) {
  underWay.get(panel)?.abort();
  const controller = new AbortController();
  underWay.set(panel, controller);
  const headers = body === undefined ? {} : { "content-type": "application/json" };
  const key = storedKey();
  if (key !== null) headers["api-key"] = key;
  let response, answer;
  try {
    response = await fetch(path, {
      method: body === undefined ? "GET" : "POST",
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: controller.signal,
      credentials: "same-origin",
      redirect: "error",
    });
    answer = await response.json().catch(() => ({}));
  } catch (error) {
    if (controller.signal.aborted) throw new Superseded();
    throw new Error("The server cannot be reached.");
  }
  if (controller.signal.aborted) throw new Superseded();
  if (response.ok) return answer;
  if (response.status === 401) {
    askForKey(key);
    throw new Error("The server asks for a key: see the top of the page.");
  }
  const wait = response.headers.get("retry-after");
  const message = typeof answer.error === "string" ? answer.error : `The server answered ${response.status}.`;
  throw new Error(wait === null ? message : `${message} (try again in ${wait} s)`);
}

// Elements: everything that came from outside is text, never markup.

function element(tag, content = [], attributes = {}) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...[content].flat());
  return made;
}

const isolated = (text) => element("bdi", text);
const number = (value) => element("td", typeof value === "number" ? String(value) : value, { class: "number" });

const counted = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

function proportional(made, part) {
  made.style.setProperty("--part", String(part));
  return made;
}

function bar(part) {
  return element("td", proportional(element("span"), part), { class: "bar", "aria-hidden": "true" });
}

function say(id, text, isError = false) {
  const status = $(id);
  if (status.textContent !== text) status.textContent = text;
  status.classList.toggle("error", isError);
}

function also(others) {
  return others.length ? [element("span", `same id as ${others.join(", ")}`, { class: "also" })] : [];
}

// A text and its terms.

function showAnalysis(analysis) {
  const { tokens, vector, length } = analysis;
  const dropped = tokens.filter((token) => token.term === null).length;
  const greatest = Math.max(...vector.map((entry) => entry.weight), 0) || 1;
  say("analysis-status", `${counted(tokens.length, "token")}, ${dropped} dropped; length ${length}; `
    + `${counted(vector.length, "term")} in the vector.`);
  $("analysis").hidden = tokens.length === 0;
  showMarked(analysis, greatest);
  const entries = vector.toSorted((a, b) => b.weight - a.weight || a.term_id - b.term_id);
  $("vector").replaceChildren(...entries.slice(0, MOST_ROWS).map((entry) => element("tr", [
    element("th", entry.terms.flatMap((term, i) => (i ? [", ", isolated(term)] : [isolated(term)])),
      { scope: "row" }),
    number(entry.term_id), number(entry.frequency), number(entry.weight), bar(entry.weight / greatest),
  ])));
  $("tokens").replaceChildren(...tokens.slice(0, MOST_ROWS).map(tokenRow));
  const rest = Math.max(tokens.length, vector.length) - MOST_ROWS;
  $("tokens-rest").textContent = rest > 0 ? `Each table ends after ${MOST_ROWS} rows.` : "";
}

function tokenRow(token) {
  const dropped = token.term === null;
  const steps = token.changes.map((change) => element("li", describeChange(change)));
  return element("tr", [
    number(token.start),
    element("th", dropped ? element("s", isolated(token.form)) : isolated(token.form), { scope: "row" }),
    element("td", steps.length ? element("ul", steps) : "unchanged", { class: "steps" }),
    element("td", dropped ? "dropped" : [isolated(token.term), ...also(token.shared_with)]),
  ], dropped ? { class: "none" } : {});
}

function describeChange({ step, before, after, reason }) {
  const name = element("b", step.replaceAll("_", " "));
  const why = reason === null ? [] : [element("span", ` · ${reason}`, { class: "why" })];
  if (after === null) return [name, " dropped ", element("s", isolated(before)), ...why];
  if (after === before) return [name, " kept ", isolated(before), ...why];
  return [name, " ", isolated(before), " → ", isolated(after), ...why];
}

function showMarked({ text, tokens }, greatest) {
  const characters = Array.from(text); // offsets count characters, strings here count UTF-16
  const parts = [];
  let end = 0;
  for (const [i, token] of tokens.entries()) {
    if (i === MOST_ROWS) break;
    if (token.start < end) continue; // another token of the same form
    parts.push(characters.slice(end, token.start).join(""));
    end = token.end;
    const same = tokens.slice(i, i + 64).filter((other) => other.start === token.start && other.term !== null);
    if (same.length) {
      const weight = Math.max(...same.map((other) => other.weight));
      parts.push(proportional(element("mark", token.form), (weight / greatest) ** 3));
    } else {
      parts.push(element("s", token.form));
    }
  }
  parts.push(tokens.length > MOST_ROWS ? " …" : characters.slice(end).join(""));
  $("marked").replaceChildren(...parts);
}

// A query against a document.

function showExplanation(explanation) {
  const { terms, statistics } = explanation;
  const found = terms.filter((term) => term.term_frequency).length;
  say("explanation-status", `${found} of ${counted(terms.length, "query term")} in the document; score ${explanation.score}.`);
  $("explanation").hidden = false;
  const facts = [
    ["Score", explanation.score, "score"],
    ["N", explanation.document_count],
    ["N and df are from", STATISTICS[statistics.source]],
    ["Document length", explanation.document_length],
    ["avg_len", explanation.avg_len],
    ["k", explanation.k],
    ["b", explanation.b],
    ["k3", explanation.k3 ?? "none"],
  ];
  $("facts").replaceChildren(...facts.map(([name, value, kind]) => element("div",
    [element("dt", name), element("dd", String(value))], kind ? { class: kind } : {})));
  $("scores").replaceChildren(...terms.slice(0, MOST_ROWS).map((term) => element("tr", [
    element("th", [isolated(term.term ?? "–"), ...also(term.shared_with)], { scope: "row" }),
    ...[term.term_id, term.query_frequency, term.term_frequency, term.document_frequency, term.idf,
      term.query_weight, term.document_weight, term.score, `${(100 * term.share).toFixed(1)}%`].map(number),
    bar(term.share),
  ], term.term_frequency ? {} : { class: "none" })));
}

// The form: what of the model's options is changed, and the view as the address has it.

const model = () => models.find((one) => one.name === $("model").value);

function ownValue(name) {
  const value = model()?.options[name];
  if (name === "stemmer") {
    if (value === null) return "by language";
    return value?.language ?? value?.name ?? "none";
  }
  if (name === "stopwords") {
    if (value === null) return "by language";
    if (typeof value === "string") return value;
    return [...value.languages, ...(value.custom.length ? [`${value.custom.length} own`] : [])].join(" + ") || "none";
  }
  return value?.name ?? value ?? "none";
}

const toOption = {
  stemmer: (value) => (value === "none" ? { type: "none" } : { type: "snowball", language: value }),
  stopwords: (value) => (value === "none" ? { languages: [], custom: [] } : value),
};

function fillFields() {
  const allowed = model()?.allowed_options ?? [];
  for (const field of fields) {
    const name = field.dataset.option;
    field.disabled = allowed !== "all" && !allowed.includes(name);
    if (field.type === "checkbox") {
      field.checked = ownValue(name) === true;
    } else if (field.type === "number") {
      field.value = "";
      field.placeholder = ownValue(name);
    } else {
      const none = toOption[name] ? ["none"] : [];
      field.replaceChildren(element("option", model().options[name] === null ? ownValue(name) : `${ownValue(name)} (default)`,
        { value: "" }),
        ...[...none, ...choices[name]].map((value) => element("option", value, { value })));
    }
  }
  $("more").disabled = allowed.length === 0;
  $("reset").disabled = allowed.length === 0;
}

function readField(field) {
  const name = field.dataset.option;
  if (field.disabled) return undefined;
  if (field.type === "checkbox") return field.checked === ownValue(name) ? undefined : field.checked;
  if (field.type === "number") return field.value === "" ? undefined : Number(field.value);
  return field.value === "" ? undefined : (toOption[name]?.(field.value) ?? field.value);
}

function writeField(field, value) {
  if (field.type === "checkbox") {
    field.checked = value;
    return typeof value === "boolean";
  }
  const plain = field.dataset.option === "stemmer" ? (value.type === "none" ? "none" : value.language)
    : field.dataset.option === "stopwords" && typeof value === "object"
      ? (value?.languages?.length === 0 && value?.custom?.length === 0 ? "none" : undefined) : value;
  field.value = String(plain);
  return plain !== undefined && field.value === String(plain);
}

function otherOptions() {
  const written = $("more").value.trim();
  let problem = "", other = {};
  if (written) {
    try {
      other = JSON.parse(written);
      if (typeof other !== "object" || other === null || Array.isArray(other)) problem = "must be a JSON object, {...}";
    } catch (error) {
      problem = error.message;
    }
  }
  for (const field of fields) {
    if (field.validity.badInput) problem ||= `${field.dataset.option} is not a number`;
    field.setAttribute("aria-invalid", String(field.validity.badInput));
  }
  $("more").setAttribute("aria-invalid", String(Boolean(problem)));
  say("more-error", problem && `Options: ${problem}`, Boolean(problem));
  return problem ? null : other;
}

function options() {
  const other = otherOptions();
  if (other === null) return null;
  const found = {};
  for (const field of fields) {
    const value = readField(field);
    if (value !== undefined) found[field.dataset.option] = value;
  }
  return { ...found, ...other };
}

function showOptions(given) {
  fillFields();
  const rest = {};
  for (const [name, value] of Object.entries(given)) {
    const field = fields.find((one) => one.dataset.option === name);
    let written = false;
    try { written = field !== undefined && !field.disabled && writeField(field, value); } catch { /* the rest */ }
    if (!written) {
      rest[name] = value;
      if (field?.tagName === "SELECT") field.value = "";
    }
  }
  $("more").value = Object.keys(rest).length ? JSON.stringify(rest) : "";
}

const role = () => document.querySelector("[name=role]:checked").value;

function view() {
  return {
    ...Object.fromEntries(texts.map((id) => [id, $(id).value])),
    role: role(), model: $("model").value, options: options() ?? {},
  };
}

function usual(name) {
  if (name === "options") return "{}";
  if (name === "model") return models[0].name;
  return name === "documents" && model().statistics ? "" : EXAMPLE[name];
}

function keepView() {
  const parts = new URLSearchParams();
  for (const [name, value] of Object.entries(view())) {
    const plain = name === "options" ? JSON.stringify(value) : value;
    if (plain !== usual(name)) parts.set(name, plain);
  }
  const fragment = parts.toString();
  const short = fragment.length <= LONGEST_FRAGMENT;
  $("shared").hidden = !short;
  $("not-shared").hidden = short;
  history.replaceState(null, "", fragment && short ? `#${fragment}` : location.pathname + location.search);
}

const address = () => Object.fromEntries(new URLSearchParams(location.hash.slice(1)));

function showTexts() {
  const parts = address();
  for (const id of texts) $(id).value = parts[id] ?? EXAMPLE[id];
  for (const radio of document.querySelectorAll("[name=role]")) {
    radio.checked = radio.value === (parts.role === "search" ? "search" : "update");
  }
}

function offerStatistics() {
  const { statistics } = model();
  if (statistics && $("documents").value === EXAMPLE.documents) $("documents").value = "";
  $("documents-hint").textContent = statistics
    ? "for N and df; if empty, those of the model's statistics" : "for N and df; may be empty";
}

function showModel() {
  const parts = address();
  $("model").value = models.some((one) => one.name === parts.model) ? parts.model : models[0].name;
  offerStatistics();
  let given = {};
  try { given = JSON.parse(parts.options ?? "{}") ?? {}; } catch { /* an address cut short */ }
  showOptions(given);
}

// What is typed leads to requests.

async function update(panel, path, body, show) {
  try {
    show(await ask(panel, path, body));
    $(panel).classList.remove("stale");
    for (const region of document.querySelectorAll(".scroll")) reachable(region);
  } catch (error) {
    if (error instanceof Superseded) return;
    say(`${panel}-status`, error.message, true);
    $(panel).classList.add("stale");
  }
}

function reachable(region) {
  // Without a pointer, what is cut off is scrolled to by the keys of a focused region.
  if (region.scrollWidth > region.clientWidth) region.tabIndex = 0;
  else region.removeAttribute("tabindex");
}

function updateAll() {
  if (!models.length) return;
  keepView();
  const given = options();
  if (given === null) {
    for (const panel of ["analysis", "explanation"]) {
      underWay.get(panel)?.abort();
      say(`${panel}-status`, "The options are not complete.", true);
      $(panel).classList.add("stale");
    }
    return;
  }
  const common = { model: $("model").value, options: given };
  update("analysis", "analyze", { text: $("text").value, inference: role(), ...common }, showAnalysis);
  const others = $("documents").value.split("\n").filter((line) => line.trim());
  const documents = others.length ? [$("document").value, ...others] : null;
  update("explanation", "explain",
    { query: $("query").value, document: $("document").value, documents, ...common }, showExplanation);
}

let timer = 0;

function updateSoon() {
  clearTimeout(timer);
  timer = setTimeout(updateAll, DELAY);
}

async function start() {
  try {
    ({ models, choices } = await ask("models", "page/models"));
  } catch (error) {
    if (!(error instanceof Superseded)) say("models-message", error.message, true);
    return;
  }
  say("models-message", "");
  $("model").replaceChildren(...models.map(({ name }) => element("option", name, { value: name })));
  $("model").disabled = false;
  showModel();
  updateAll();
}

for (const form of document.forms) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (form !== $("key-form")) updateAll();
  });
}
document.querySelector(".columns").addEventListener("input", (event) => {
  if (event.target === $("model")) {
    offerStatistics();
    showOptions({});
  }
  updateSoon();
});
$("options").addEventListener("reset", (event) => {
  event.preventDefault(); // it would choose the first model too
  showOptions({});
  updateAll();
});
$("key-form").addEventListener("submit", () => {
  const key = $("key").value.trim();
  if (!/^[\x21-\x7e]+$/.test(key)) {
    $("key-message").textContent = "A key has only ASCII letters, digits and signs.";
    return;
  }
  storeKey(key);
  $("key").value = "";
  $("key-form").hidden = true;
  $("text").focus();
  start();
});
$("forget-key").addEventListener("click", () => {
  storeKey(null);
  $("text").focus();
});
addEventListener("hashchange", () => {
  showTexts();
  showModel();
  updateAll();
});
// Not as a link does: the fragment is the view.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  $("text").focus();
});
addEventListener("resize", () => document.querySelectorAll(".scroll").forEach(reachable));

$("forget-key").hidden = storedKey() === null;
if (matchMedia("(max-width: 56rem)").matches) $("settings").open = false;
showTexts();
start();
