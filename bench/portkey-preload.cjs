// Loaded before Portkey's gateway: two things that it can't be told by an option.
'use strict';

// It listens on every address; a measurement listens on the loopback only.
const { Server } = require('node:net');
const { listen } = Server.prototype;
Server.prototype.listen = function (port, host, ...more) {
  return typeof port === 'number' ? listen.call(this, port, '127.0.0.1', ...more) : listen.call(this, port, host, ...more);
};

// As published (1.15.2) it adds headers to the answer of fetch, which Node 20 refuses ("immutable"): every stream
// fails. A stream's answer is handed to it with headers of its own; other answers it copies itself.
const { fetch } = globalThis;
globalThis.fetch = async (...request) => {
  const answer = await fetch(...request);
  if (!(answer.headers.get('content-type') ?? '').startsWith('text/event-stream')) return answer;
  const { status, statusText } = answer;
  return new Response(answer.body, { status, statusText, headers: new Headers(answer.headers) });
};
