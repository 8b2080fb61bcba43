# A stranger's webhook: plain Python, no offhook code. It speaks only what the README shows.
import json, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MENU = [
    {"verb": "answer"},
    {"verb": "on", "event": "held", "do": [
        {"verb": "email", "to": "boss@acme.test", "subject": "On hold",
         "text": "User {agent_name} put on hold {caller_number}."}]},
    {"verb": "gather", "max_digits": 1, "timeout": "5s", "next": "/menu",
     "prompt": [{"verb": "say", "text": "For sales press one."}]},
]
SALES = [{"verb": "dial", "to": [{"user": "101"}, {"user": "105"}], "ring": "all", "ring_for": "20s"}, {"verb": "hangup"}]

class Webhook(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        ask = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        print(json.dumps({"path": self.path, "ask": ask}), flush=True)
        verbs = MENU
        if self.path == "/menu":
            verbs = SALES if ask["result"]["digits"] == "1" else [{"verb": "hangup"}]
        body = b"" if ask["reason"] == "hangup" else json.dumps(verbs).encode()
        self.send_response(200 if body else 204)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass

server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Webhook)
print("listening", flush=True)
server.serve_forever()
