/**
 * The page behind the printed sign-in link. The code stands in the link's fragment, which no server log and no Referer
 * ever holds; the token is kept per origin in the browser. Everything from the server is set as text, never as markup.
 */
export const signInPage = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>BooCode</title>
<script src="/sign-in.js" defer></script>
</head>
<body>
<h1>BooCode</h1>
<p id="status" role="status">Signing in …</p>
<p id="demo" hidden>This is a demo: a scripted model answers, not a real one.</p>
<p>The web app comes in a later release. Until then, talk to it in a terminal: <code>npx boocode chat</code></p>
<h2>Chats</h2>
<ul id="chats"></ul>
<noscript>This page needs JavaScript.</noscript>
</body>
</html>
`;

export const signInScript = `'use strict';
const tokenKey = 'boocode.token';
const element = (id) => document.getElementById(id);
const say = (text) => { element('status').textContent = text; };

async function redeem(code) {
  const response = await fetch('/v1/sign-in', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code }),
  });
  if (!response.ok) return false;
  localStorage.setItem(tokenKey, (await response.json()).token);
  return true;
}

async function get(path) {
  const headers = { authorization: 'Bearer ' + localStorage.getItem(tokenKey) };
  const response = await fetch(path, { headers });
  if (response.status === 401) localStorage.removeItem(tokenKey);
  if (!response.ok) throw new Error((await response.json()).detail);
  return response.json();
}

async function start() {
  const code = new URLSearchParams(location.hash.slice(1)).get('code');
  if (code !== null) history.replaceState(null, '', location.pathname);
  const redeemed = code !== null && (await redeem(code));
  if (localStorage.getItem(tokenKey) === null) {
    say(code === null || redeemed
      ? 'Not signed in. Open the sign-in link that the server prints when it starts.'
      : 'This sign-in link no longer works: a link serves once, within ten minutes. Start the server again for a new one.');
    return;
  }
  const [info, chats] = await Promise.all([get('/v1/info'), get('/v1/chats?limit=200')]);
  say('Signed in. BooCode ' + info.version + ' is running.');
  element('demo').hidden = !info.demo;
  for (const chat of chats.items) {
    const line = document.createElement('li');
    line.textContent = chat.title + ' (' + chat.state + ') ' + chat.cwd;
    element('chats').append(line);
  }
}

start().catch((error) => say('This did not work: ' + error.message));
`;
