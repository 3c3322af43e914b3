// The page: what is typed goes to /explain, what comes back is drawn. Text is only ever set as text, never as markup.
"use strict";

const WAIT_MILLISECONDS = 200;
const LIKELIEST = 8; // labels that are shown at first
const $ = (id) => document.getElementById(id);
let chosen = null; // the label to explain; null is the likeliest
let asked = 0; // only the answer to the latest question is drawn
let timer = 0;
let all = false; // whether every label is shown
let drawn = null; // the answer on the page

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

// A text whose direction is its own: without it, numbers beside Hebrew or Arabic would change places.
const apart = (text) => element("bdi", { textContent: text });
const percent = (share) => `${(100 * share).toFixed(1)}%`;
const signed = (weight) => (weight < 0 ? "−" : "+") + Math.abs(weight).toFixed(2);

function say(sentence, trouble = false) {
  $("status").textContent = sentence;
  $("status").classList.toggle("trouble", trouble);
}

async function ask() {
  const text = $("text").value;
  const mine = ++asked;
  if (!text.trim()) {
    $("answer").hidden = true;
    say("The answer follows as you type.");
    return;
  }
  try {
    const response = await fetch("explain", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ text, label: chosen }),
    });
    const answer = await response.json();
    if (mine !== asked) return;
    if (!response.ok) {
      if (response.status === 400 && chosen !== null) return choose(null); // the model was replaced and lost this label
      return say(answer.error, true);
    }
    draw(answer);
    say(`${answer.labels[0].label}, ${percent(answer.labels[0].probability)}`);
  } catch {
    if (mine === asked) say("The server does not answer. Is it still running?", true);
  }
}

function choose(label) {
  chosen = label;
  return ask();
}

function draw(answer) {
  drawn = answer;
  drawLabels(answer);
  $("chosen").textContent = answer.label;
  drawReading(answer);
  $("ngrams").replaceChildren(
    ...answer.ngrams.map(({ ngram, weight }) =>
      element("li", { className: weight < 0 ? "against-1" : "for-1" }, apart(ngram), element("span", { className: "number", textContent: signed(weight) })),
    ),
  );
  $("neighbours").replaceChildren(
    ...(answer.neighbours.length
      ? answer.neighbours.map(({ text, label, likeness }) =>
          element("li", {}, element("b", {}, apart(label)), apart(text), element("span", { className: "quiet", textContent: `  ${percent(likeness)} alike` })),
        )
      : [element("li", { className: "quiet", textContent: "None shares any." })]),
  );
  $("answer").hidden = false;
}

function drawLabels(answer) {
  const focused = document.activeElement?.dataset?.label;
  $("labels").replaceChildren(
    ...answer.labels.filter(({ label }, at) => all || at < LIKELIEST || label === answer.label).map(({ label, probability }) => {
      const button = element(
        "button",
        { type: "button", onclick: () => choose(label) },
        element("span", {}, apart(label)),
        element("progress", { max: 1, value: probability, ariaHidden: "true" }),
        element("span", { className: "number", textContent: percent(probability) }),
      );
      button.dataset.label = label;
      button.setAttribute("aria-pressed", String(label === answer.label));
      return element("li", {}, button);
    }),
  );
  if (focused !== undefined) [...$("labels").querySelectorAll("button")].find((button) => button.dataset.label === focused)?.focus();
  const rest = answer.labels.length - LIKELIEST;
  $("more").hidden = rest < 1;
  $("more").textContent = all ? "Only the likeliest" : `All ${answer.labels.length} labels`;
  $("more").setAttribute("aria-expanded", String(all));
}

// Places in the text are counted in code points, as Python counts them.
function drawReading({ text, weights }) {
  const characters = [...text];
  const strongest = Math.max(...weights.map(Math.abs), 1e-9);
  const shade = (weight) => {
    const level = Math.ceil((4 * Math.abs(weight)) / strongest - 0.2);
    return level < 1 ? "" : `${weight < 0 ? "against" : "for"}-${Math.min(level, 4)}`;
  };
  const runs = [];
  characters.forEach((character, at) => {
    const name = shade(weights[at]);
    if (runs.length && runs.at(-1).name === name) runs.at(-1).text += character;
    else runs.push({ name, text: character });
  });
  $("reading").replaceChildren(...runs.map(({ name, text: part }) => element("span", { className: name, textContent: part })));
}

$("more").addEventListener("click", () => {
  all = !all;
  drawLabels(drawn);
});
$("text").addEventListener("input", () => {
  clearTimeout(timer);
  chosen = null;
  timer = setTimeout(ask, WAIT_MILLISECONDS);
});
if ($("text").value) ask(); // the browser kept what was typed before
