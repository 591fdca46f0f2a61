// An API by express whose CORS is right at /ok and wrong at the other paths: `express_cors.js PORT [CERT KEY]`.
const fs = require("fs");
const http = require("http");
const https = require("https");
const cors = require("cors");
const express = require("express");

const APP = "https://app.example.com";
const [port, cert, key] = process.argv.slice(2);
const app = express();

const token = (request, response, next) =>
  request.get("authorization") === "Bearer good" ? next() : response.sendStatus(401);
const unlessPreflight = (request, response, next) =>
  request.method === "OPTIONS" ? next() : token(request, response, next);
const set = (headers) => (request, response, next) => {
  response.set(headers(request));
  next();
};

const all = { origin: APP, credentials: true, methods: ["PUT"], allowedHeaders: ["authorization"] };
app.use("/ok", cors(all), unlessPreflight);
app.use("/star", cors());
app.use("/slash", cors({ ...all, origin: APP + "/" }));
app.use("/scheme", cors({ ...all, origin: "http://app.example.com" }));
app.use("/port", cors({ ...all, origin: APP + ":8443" }));
app.use("/anonymous", cors({ ...all, credentials: false }));
app.use("/methods", cors({ ...all, methods: ["GET"] }));
app.use("/headers", cors({ ...all, allowedHeaders: ["x-a"] }));
app.use("/star-methods", cors({ ...all, methods: "*" }));
app.use("/token-first", token, cors(all));
app.use("/token-around", unlessPreflight, cors(all));
app.use("/python", set(() => ({
  "Access-Control-Allow-Origin": APP, "Access-Control-Allow-Credentials": "True", Vary: "Origin",
})));
app.use("/echo", set((request) => ({ "Access-Control-Allow-Origin": request.get("origin") || "*" })));
app.use("/to-bucket", cors({ origin: "*" }), (request, response) =>
  response.redirect(302, "https://bucket.example.com:" + request.query.port + "/echo-app"));
app.use("/see-here", cors({ origin: APP }), (request, response) => response.redirect(307, "/echo-app"));
// The target of both redirects: it allows the page, by name.
app.use("/echo-app", cors({ origin: APP }));
app.use((request, response) => response.json({ path: request.path }));

const server = cert
  ? https.createServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key) }, app)
  : http.createServer(app);
server.listen(Number(port), "127.0.0.1");
