// The description of the API, drawn from openapi.json.
"use strict";

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function typeOf(schema) {
  if (schema.$ref) return schema.$ref.split("/").at(-1);
  if (schema.anyOf) return schema.anyOf.map(typeOf).filter((type) => type !== "null").join(" or ");
  if (schema.type === "array") return `list of ${typeOf(schema.items)}`;
  return schema.type ?? "anything";
}

function fields(schema) {
  const rows = Object.entries(schema.properties ?? {}).map(([name, field]) =>
    element("tr", {}, element("td", {}, element("code", { textContent: name })), element("td", { textContent: typeOf(field) }),
      element("td", { textContent: [field.description, field.default != null ? `Default ${field.default}.` : ""].filter(Boolean).join(" ") })),
  );
  const head = element("tr", {}, ...["field", "type", "meaning"].map((title) => element("th", { textContent: title })));
  return element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
}

function route(api, path, method, entry) {
  const schemaOf = (content) => content?.["application/json"]?.schema;
  const follow = (schema) => (schema?.$ref ? api.components.schemas[schema.$ref.split("/").at(-1)] : schema);
  const asked = follow(schemaOf(entry.requestBody?.content));
  const answered = follow(schemaOf(entry.responses["200"]?.content));
  const parts = [element("h2", {}, element("code", { textContent: `${method.toUpperCase()} ${path}` })), element("p", { textContent: entry.description ?? "" })];
  if (asked) parts.push(fields(asked));
  if (asked?.example) {
    parts.push(element("pre", { textContent: `curl -s ${location.origin}${path} -H 'content-type: application/json' \\\n  -d '${JSON.stringify(asked.example)}'` }));
  }
  if (answered?.properties) parts.push(element("p", { className: "quiet", textContent: "It answers:" }), fields(answered));
  return element("article", {}, ...parts);
}

fetch("openapi.json")
  .then((response) => response.json())
  .then((api) => {
    const found = Object.entries(api.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, entry]) => route(api, path, method, entry)));
    document.getElementById("routes").replaceChildren(...found);
  });
