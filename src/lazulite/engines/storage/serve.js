// Azurite's blob, queue and table services, as one process at the host names of storage accounts.
//
//   node serve.js MODULES DIRECTORY [ADDRESS HTTP_PORT HTTPS_PORT]
//
// MODULES is the folder with Azurite in it, DIRECTORY the lab's: data is kept in DIRECTORY/storage, the certificate is
// DIRECTORY/tls/storage.crt and .key, and DIRECTORY/storage.sock is where the lab's agent says which accounts there are
// and the lab's own programs read and write blobs. Everybody else comes to the two ports, by HTTP and HTTPS.
//
// What Azurite alone cannot do: several accounts at host names of their own on one port, accounts that come and go
// without a restart, data that goes with its account, refusing HTTP, and keeping what it has acknowledged when it is
// killed (it would write its tables down every five seconds).

"use strict";
const fs = require("fs"), http = require("http"), https = require("https"), net = require("net"), path = require("path");

const [modules, directory, address = "0.0.0.0", httpPort = "80", httpsPort = "443"] = process.argv.slice(2);
const SOCKET = "storage.sock", DATA = "storage", KNOWN = "accounts.json";
let accounts = {}; // by name: {guid, keys, hosts: {host name: service}, secure, anonymous, shared}
let hosts = new Map(); // host name to [account's name, service]
const services = {}; // by name: {server, listener, saver}

// ---- keeping what was acknowledged -------------------------------------------------------------------------------

class Saver {
  // Databases of one service. Writers that come while one save is under way share the next.
  constructor(databases) { this.databases = databases; this.running = null; this.next = null; }

  saved() {
    if (this.running === null) return (this.running = this.save().finally(() => { this.running = null; }));
    if (this.next === null) this.next = this.running.catch(() => {}).then(() => { this.next = null; return this.saved(); });
    return this.next;
  }

  async save() {
    for (const database of this.databases)
      if (database.autosaveDirty())
        await new Promise((done, failed) => database.saveDatabase((error) => (error ? failed(error) : done())));
  }
}

function answeringWhenSaved(request, response, saver) {
  // Hold back the end of an answer until what it acknowledges is on disk; without that, say that it failed.
  const end = response.end;
  response.end = (...rest) => {
    saver.saved().then(() => end.apply(response, rest), (error) => {
      console.error(`cannot save: ${error.message}`);
      response.destroy();
    });
    return response;
  };
}

// ---- requests ----------------------------------------------------------------------------------------------------

function refuse(response, status, code, message) {
  const body = `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`;
  response.writeHead(status, { "Content-Type": "application/xml", "Content-Length": body.length, "x-ms-error-code": code });
  response.end(body);
}

function refusal(account, request, trusted) {
  // Source: Azure REST API, "Common REST API error codes" and "Blob service error codes".
  if (trusted) return null;
  if (account.secure && !request.socket.encrypted)
    return [400, "AccountRequiresHttps", "The account being accessed does not support http."];
  const signed = request.headers.authorization !== undefined || /[?&]sig=/.test(request.url);
  if (signed && !account.shared)
    return [403, "KeyBasedAuthenticationNotPermitted", "Key based authentication is not permitted on this storage account."];
  if (!account.anonymous && (!signed || request.headers["x-ms-blob-public-access"] !== undefined))
    return [409, "PublicAccessNotPermitted", "Public access is not permitted on this storage account."];
  return null;
}

// A process that has just been started knows no account yet: who asks waits until it has been told.
let heard;
const first = new Promise((done) => { heard = done; });

function take(request, response, trusted) {
  first.then(() => answer(request, response, trusted));
}

function answer(request, response, trusted) {
  const [name, service] = hosts.get((request.headers.host || "").toLowerCase().replace(/:\d+$/, "")) || [];
  if (name === undefined) return refuse(response, 400, "InvalidUri", "No storage account of the lab has this host name.");
  const refused = refusal(accounts[name], request, trusted);
  if (refused !== null) return refuse(response, ...refused);
  const { listener, saver } = services[service];
  if (request.method !== "GET" && request.method !== "HEAD") answeringWhenSaved(request, response, saver);
  listener(request, response);
}

// ---- accounts ----------------------------------------------------------------------------------------------------

function known() {
  try { return JSON.parse(fs.readFileSync(path.join(DATA, KNOWN))); } catch { return {}; }
}

async function purge(name) {
  // Azurite has no word for it: whatever its tables hold of the account goes. Bytes are collected later, by itself.
  for (const { databases, saver } of Object.values(services)) {
    for (const database of databases)
      for (const collection of database.collections) {
        if (collection.name.startsWith(`${name}$`)) { database.removeCollection(collection.name); continue; }
        collection.findAndRemove({ accountName: name });
        collection.findAndRemove({ account: name });
      }
    await saver.save();
  }
}

async function follow(wanted) {
  // Azurite reads its accounts from the environment; nothing but semicolons is none, and empty would be its own.
  const before = known();
  accounts = wanted;
  hosts = new Map(Object.entries(wanted).flatMap(([n, a]) => Object.entries(a.hosts).map(([h, s]) => [h, [n, s]])));
  process.env.AZURITE_ACCOUNTS = Object.entries(wanted).map(([n, a]) => [n, ...a.keys].join(":")).join(";") || ";";
  for (const { server } of Object.values(services)) server.accountDataStore.refresh();
  for (const [name, guid] of Object.entries(before))
    if (!(name in wanted) || wanted[name].guid !== guid) await purge(name);
  const guids = Object.fromEntries(Object.entries(wanted).map(([n, a]) => [n, a.guid]));
  fs.writeFileSync(path.join(DATA, `${KNOWN}.new`), JSON.stringify(guids));
  fs.renameSync(path.join(DATA, `${KNOWN}.new`), path.join(DATA, KNOWN));
}

let telling = Promise.resolve();

function told(request, response) {
  // One telling after the other: two that overlap could end as the older one said.
  let body = "";
  request.on("data", (part) => { body += part; }).on("end", () => {
    telling = telling.then(async () => {
      try {
        await follow(JSON.parse(body));
        heard();
        response.writeHead(204).end();
      } catch (error) { response.writeHead(500).end(error.message); }
    });
  });
}

// ---- the process -------------------------------------------------------------------------------------------------

async function started(service, Server, Configuration, arguments_) {
  const server = new Server(new Configuration(...arguments_));
  const [listener] = server.httpServer.listeners("request");
  await server.beforeStart();
  const databases = [server.metadataStore.db, ...(server.extentMetadataStore ? [server.extentMetadataStore.db] : [])];
  services[service] = { server, listener, databases, saver: new Saver(databases) };
}

function listening(server, ...where) {
  return new Promise((done, failed) => server.once("error", failed).listen(...where, done));
}

async function main() {
  process.chdir(directory); // so that the socket's name is short
  fs.mkdirSync(path.join(DATA, "blobs"), { recursive: true, mode: 0o700 });
  process.umask(0o077);
  process.env.AZURITE_ACCOUNTS = ";";
  const outside = (request, response) => take(request, response, false);
  // The ports come first: whoever has them has the data, and another process ends here.
  const plain = http.createServer(outside);
  await listening(plain, { host: address, port: +httpPort });
  const from = (name) => require(path.resolve(modules, "azurite/dist/src", name));
  from("common/Telemetry").AzuriteTelemetryClient.init(DATA, false);
  const file = (name) => path.join(DATA, name), where = (name) => [{ locationId: "Default", locationPath: file(name), maxConcurrency: 10 }];
  const rest = [false, undefined, false, undefined, false, true]; // no logs; not loose; whatever version a client speaks
  await started("blob", from("blob/BlobServer").default, from("blob/BlobConfiguration").default,
    ["", 0, 5, file("blob.json"), file("blob-extents.json"), where("blobs"), ...rest]);
  await started("queue", from("queue/QueueServer").default, from("queue/QueueConfiguration").default,
    ["", 0, 5, file("queue.json"), file("queue-extents.json"), where("queues"), ...rest]);
  await started("table", from("table/TableServer").default, from("table/TableConfiguration").default,
    ["", 0, 5, file("table.json"), ...rest]);
  const secure = https.createServer({ cert: fs.readFileSync("tls/storage.crt"), key: fs.readFileSync("tls/storage.key") }, outside);
  await listening(secure, { host: address, port: +httpsPort });
  const own = http.createServer((request, response) => {
    if (request.url === "/lazulite/accounts") return told(request, response);
    take(request, response, true);
  });
  fs.rmSync(SOCKET, { force: true });
  await listening(own, SOCKET);
  const stop = async () => {
    for (const server of [plain, secure, own]) server.close();
    for (const { saver } of Object.values(services)) await saver.saved();
    process.exit(0);
  };
  process.once("SIGTERM", stop).once("SIGINT", stop);
  console.log(`serving as process ${process.pid}`);
}

main().catch((error) => {
  console.error(error.code === "EADDRINUSE" ? "another process serves already" : `cannot serve: ${error.message.split("\n")[0]}`);
  process.exit(1);
});
