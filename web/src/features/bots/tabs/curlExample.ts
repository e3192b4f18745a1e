type Example = { vendor: string; baseUrl: string; model: string; token: string };

/** A request that a reader can paste into a shell, in the shape that the vendor's own API has. */
export function curlExample({ vendor, baseUrl, model, token }: Example): string {
  const url = baseUrl.replace(/\/+$/, "");
  const messages = [{ role: "user", content: "Hello" }];
  if (vendor === "google") {
    const contents = [{ parts: [{ text: "Hello" }] }];
    return curl(`${url}/v1beta/models/${model}:generateContent`, `x-goog-api-key: ${token}`, { contents });
  }
  if (vendor === "anthropic") {
    return curl(`${url}/v1/messages`, `x-api-key: ${token}`, { model, max_tokens: 200, messages });
  }
  return curl(`${url}/chat/completions`, `Authorization: Bearer ${token}`, { model, messages });
}

function curl(url: string, header: string, body: unknown): string {
  const json = JSON.stringify(body).replaceAll("'", "'\\''");
  return [
    `curl ${url} \\`,
    `  -H '${header}' \\`,
    "  -H 'Content-Type: application/json' \\",
    `  -d '${json}'`,
  ].join("\n");
}
