"""Both ends of HTTP/2 connections with prior knowledge, of the pure-Python h2 (PyPI), for tests of the relay between them.

  h2_peer.py server NAME           listens on a free port and prints it
  h2_peer.py check HOST:PORT       asks a server through a relay; a line for each case, exit 0 if all pass
  h2_peer.py keep HOST:PORT        asks `/who` over one connection, again after a GOAWAY, until stdin ends; prints who answered
"""
import json, socket, sys, threading, time
import h2.config, h2.connection, h2.events, h2.exceptions, h2.settings, h2.errors

S = h2.settings.SettingCodes


class Peer:
    """One connection; events are given to `on`."""

    def __init__(self, sock, client):
        self.sock, self.client = sock, client
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        config = h2.config.H2Configuration(client_side=client, header_encoding='utf-8')
        self.conn = h2.connection.H2Connection(config)
        self.lock = threading.RLock()
        more = {S.MAX_HEADER_LIST_SIZE: 1 << 20, S.MAX_CONCURRENT_STREAMS: 200}
        if not client: more[S.ENABLE_CONNECT_PROTOCOL] = 1
        self.conn.local_settings = h2.settings.Settings(client=client, initial_values=more)
        self.conn.decoder.max_header_list_size = 1 << 20
        self.conn.initiate_connection()
        self.flush()

    def flush(self):
        with self.lock:
            data = self.conn.data_to_send()
            if data: self.sock.sendall(data)

    def read(self):
        """The next events; none at the end of the connection."""
        data = self.sock.recv(65536)
        if not data: return None
        with self.lock:
            events = self.conn.receive_data(data)
            self.flush()
        return events

    def room(self, stream):
        with self.lock:
            return min(self.conn.local_flow_control_window(stream), self.conn.max_outbound_frame_size)


class Server(Peer):
    last_reset, refused = None, set()

    def __init__(self, sock, name):
        super().__init__(sock, False)
        self.name, self.streams, self.waiting = name, {}, {}

    def serve(self):
        try:
            while (events := self.read()) is not None:
                for event in events: self.on(event)
        except (OSError, h2.exceptions.ProtocolError):
            pass
        finally:
            self.sock.close()

    def on(self, event):
        if isinstance(event, h2.events.RequestReceived):
            self.streams[event.stream_id] = headers = dict(event.headers)
            self.asked(event.stream_id, headers, headers.get(':path', ''), event.stream_ended is not None)
        elif isinstance(event, h2.events.DataReceived):
            headers = self.streams.get(event.stream_id, {})
            path = headers.get(':path', '')
            if path == '/no-read': return
            with self.lock: self.conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            if path in ('/echo', '/tunnel'): self.give(event.stream_id, event.data, False)
            self.flush()
        elif isinstance(event, h2.events.TrailersReceived):
            self.streams[event.stream_id]['trailers'] = [h for h in event.headers if h[0].startswith('x-')]
        elif isinstance(event, h2.events.StreamEnded):
            if self.streams.get(event.stream_id, {}).get(':path') in ('/echo', '/tunnel'): self.give(event.stream_id, b'', True)
        elif isinstance(event, h2.events.StreamReset):
            Server.last_reset = int(event.error_code)
        elif isinstance(event, (h2.events.WindowUpdated, h2.events.RemoteSettingsChanged)):
            for stream in list(self.waiting): self.push(stream)

    def head(self, stream, status='200', headers=(), end=False):
        with self.lock: self.conn.send_headers(stream, [(':status', status), *headers], end_stream=end)
        self.flush()

    def give(self, stream, data, end):
        buffer, was_end = self.waiting.get(stream, (b'', False))
        self.waiting[stream] = (buffer + data, end or was_end)
        self.push(stream)

    def push(self, stream):
        data, end = self.waiting[stream]
        try:
            with self.lock:
                while data and (room := self.room(stream)):
                    self.conn.send_data(stream, data[:room])
                    data = data[room:]
                self.waiting[stream] = (data, end)
                if end and not data:
                    del self.waiting[stream]
                    trailers = self.streams[stream].get('trailers')
                    if trailers: self.conn.send_headers(stream, trailers, end_stream=True)
                    else: self.conn.end_stream(stream)
        except h2.exceptions.ProtocolError:
            self.waiting.pop(stream, None)
        self.flush()

    def asked(self, stream, headers, path, ended):
        word, _, argument = path.partition('?')
        if headers[':method'] == 'CONNECT':
            self.streams[stream][':path'] = '/tunnel'
            self.head(stream)
        elif word == '/who':
            self.head(stream, headers=[('x-name', self.name)])
            self.give(stream, json.dumps(headers).encode(), True)
        elif word == '/echo': self.head(stream)
        elif word == '/head': self.head(stream, headers=[('content-length', '1234')], end=True)
        elif word == '/early':
            self.head(stream, '103', [('link', '</a.css>')])
            self.head(stream, headers=[('x-final', '1')], end=True)
        elif word == '/reset':
            with self.lock: self.conn.reset_stream(stream, int(argument))
            self.flush()
        elif word == '/reset-late':
            self.head(stream)
            self.give(stream, b'some', False)
            with self.lock: self.conn.reset_stream(stream, int(argument))
            self.flush()
        elif word == '/refuse-once' and argument not in Server.refused:
            Server.refused.add(argument)
            with self.lock: self.conn.reset_stream(stream, h2.errors.ErrorCodes.REFUSED_STREAM)
            self.flush()
        elif word in ('/slow', '/no-read'): pass
        elif word == '/events': self.head(stream, headers=[('content-type', 'text/event-stream')]); self.give(stream, b'data: 1\n\n', False)
        elif word == '/die': self.sock.shutdown(socket.SHUT_RDWR)
        elif word == '/last-reset': self.head(stream, headers=[('x-reset', str(Server.last_reset))], end=True)
        elif word == '/big': self.head(stream); self.give(stream, b'\x7f' * int(argument), True)
        elif word == '/large-head': self.head(stream, headers=[(f'x-{n}', 'y' * 8000) for n in range(int(argument))], end=True)
        elif word == '/goaway':
            self.head(stream, headers=[('x-name', self.name)], end=True)
            with self.lock: self.conn.close_connection()
            self.flush()
            self.sock.shutdown(socket.SHUT_RDWR)
        else: self.head(stream, headers=[('x-name', self.name)], end=True)


def server(name):
    listener = socket.create_server(('127.0.0.1', 0), backlog=128)
    print(listener.getsockname()[1], flush=True)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=lambda s: Server(s, name).serve(), args=(sock,), daemon=True).start()


class Answer:
    def __init__(self):
        self.status, self.headers, self.body, self.trailers, self.interim, self.reset, self.ended = None, {}, b'', None, [], None, False


class Client(Peer):
    def __init__(self, address):
        host, port = address.rsplit(':', 1)
        super().__init__(socket.create_connection((host, int(port)), timeout=10), True)
        self.answers, self.gone, self.reads = {}, None, True

    def ask(self, path, body=None, method='GET', headers=(), trailers=None, authority='orders:8000', end=True):
        with self.lock:
            stream = self.conn.get_next_available_stream_id()
            pseudo = [(':method', method), (':scheme', 'http'), (':path', path)]
            if authority: pseudo.append((':authority', authority))
            self.answers[stream] = Answer()
            self.conn.send_headers(stream, [*pseudo, *headers], end_stream=body is None and end)
        self.flush()
        if body is not None: self.send(stream, body, end and trailers is None)
        if trailers is not None:
            with self.lock: self.conn.send_headers(stream, trailers, end_stream=True)
            self.flush()
        return stream

    def send(self, stream, body, end=False):
        while body or end:
            room = self.room(stream)
            if not room and body:
                self.step()
                if self.answers[stream].reset is not None: return
                continue
            with self.lock: self.conn.send_data(stream, body[:room], end_stream=end and len(body) <= room)
            if len(body) <= room: end = False
            body = body[room:]
            self.flush()

    def step(self):
        events = self.read()
        if events is None:
            self.gone = self.gone or 'closed'
            raise ConnectionError('closed')
        for event in events:
            answer = self.answers.get(getattr(event, 'stream_id', None))
            if isinstance(event, h2.events.ConnectionTerminated): self.gone = int(event.error_code)
            if answer is None: continue
            if isinstance(event, h2.events.InformationalResponseReceived): answer.interim.append(dict(event.headers))
            elif isinstance(event, h2.events.ResponseReceived):
                answer.headers = dict(event.headers); answer.status = int(answer.headers[':status'])
            elif isinstance(event, h2.events.TrailersReceived): answer.trailers = dict(event.headers)
            elif isinstance(event, h2.events.DataReceived):
                answer.body += event.data
                if self.reads:
                    with self.lock: self.conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamReset): answer.reset = int(event.error_code)
            elif isinstance(event, h2.events.StreamEnded): answer.ended = True
        self.flush()

    def answer(self, stream):
        answer = self.answers[stream]
        while not answer.ended and answer.reset is None: self.step()
        return answer

    def until(self, condition):
        while not condition(): self.step()


def check(address):
    cases = []
    def case(f): cases.append(f); return f
    def one(path, **kw): c = Client(address); return c.answer(c.ask(path, **kw))

    @case
    def a_request_reaches_the_run_as_it_is():
        c = Client(address)
        a = c.answer(c.ask('/who', headers=[('x-a', '1'), ('x-a', '2'), ('te', 'trailers')], authority='shop.test:81'))
        seen = json.loads(a.body)
        assert a.status == 200 and a.headers['x-name'] == 'first', a.headers
        assert seen[':authority'] == 'shop.test:81' and seen[':scheme'] == 'http' and seen['te'] == 'trailers', seen
        assert 'date' not in a.headers and 'content-length' not in a.headers, a.headers
        assert len(seen['traceparent']) == 55, seen
    @case
    def a_trace_is_continued():
        seen = json.loads(one('/who', headers=[('traceparent', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01')]).body)
        assert seen['traceparent'][:35] == '00-4bf92f3577b34da6a3ce929d0e0e4736' and '00f067aa0ba902b7' not in seen['traceparent']
    @case
    def host_in_place_of_authority():
        seen = json.loads(one('/who', authority=None, headers=[('host', 'orders')]).body)
        assert seen.get(':authority', seen.get('host')) == 'orders', seen
    @case
    def bodies_and_trailers_both_ways():
        a = one('/echo', method='POST', body=b'abc' * 5, trailers=[('x-sum', '7')])
        assert (a.body, a.trailers) == (b'abc' * 5, {'x-sum': '7'}), (a.body, a.trailers)
    @case
    def an_empty_body():
        assert one('/echo', method='POST', body=b'').body == b''
    @case
    def each_piece_at_once():
        c = Client(address); s = c.ask('/echo', method='POST', end=False)
        for n in range(5):
            c.send(s, b'piece%d' % n); c.until(lambda: len(c.answers[s].body) == 6 * (n + 1))
        c.send(s, b'', True); assert c.answer(s).body.endswith(b'piece4')
    @case
    def a_large_body_both_ways():
        assert one('/echo', method='POST', body=b'x' * 3_000_000).body == b'x' * 3_000_000
    @case
    def a_head_without_body_keeps_its_length():
        a = one('/head', method='HEAD'); assert a.headers['content-length'] == '1234' and a.body == b''
    @case
    def interim_answers():
        a = one('/early'); assert [i[':status'] for i in a.interim] == ['103'] and a.headers['x-final'] == '1', (a.interim, a.headers)
    @case
    def resets_by_the_run_keep_their_reason():
        for code in (2, 8, 11, 13): assert one(f'/reset?{code}').reset == code
        a = one('/reset-late?8'); assert (a.status, a.reset) == (200, 8), vars(a)
    @case
    def resets_by_the_caller_reach_the_run():
        c = Client(address); c.answer(c.ask('/who'))
        s = c.ask('/slow'); c.answer(c.ask('/last-reset'))
        with c.lock: c.conn.reset_stream(s, 5)
        c.flush()
        while c.answer(c.ask('/last-reset')).headers['x-reset'] != '5': pass
    @case
    def a_refused_request_is_sent_again():
        key = str(time.time()); a = one(f'/refuse-once?{key}'); assert a.status == 200, vars(a)
        key = str(time.time()); a = one(f'/refuse-once?{key}', method='POST', body=b'x' * 10); assert a.status == 200 or a.reset == 7, vars(a)
    @case
    def a_run_that_dies_is_told_in_words():
        a = one('/die', method='POST', body=b'x'); assert a.status == 502 and b'broke off' in a.body, vars(a)
    @case
    def a_run_that_says_goodbye_is_connected_to_anew():
        c = Client(address)
        for n in range(20): assert c.answer(c.ask('/goaway')).status == 200
        assert c.gone is None
    @case
    def large_heads():
        assert len(one('/large-head?12').headers) >= 12
        seen = json.loads(one('/who', headers=[(f'x-{n}', 'z' * 8000) for n in range(12)]).body)
        assert len(seen['x-11']) == 8000
    @case
    def a_hundred_streams_at_once():
        c = Client(address); streams = [c.ask('/echo', method='POST', body=b'%d' % n) for n in range(100)]
        assert [c.answer(s).body for s in streams] == [b'%d' % n for n in range(100)]
    @case
    def a_run_that_does_not_read_stops_the_caller():
        c = Client(address); c.sock.settimeout(1); s = c.ask('/no-read', method='POST', end=False); sent = 0
        try:
            while sent < 8 << 20: c.send(s, b'x' * 16384); sent += 16384
            raise AssertionError(f'{sent} bytes are kept somewhere')
        except TimeoutError: assert sent <= 1 << 20, sent
        c.sock.settimeout(10); assert c.answer(c.ask('/who')).status == 200
    @case
    def a_caller_that_does_not_read_stops_the_run():
        c = Client(address); c.reads = False; s = c.ask('/big?8000000')
        c.until(lambda: len(c.answers[s].body) >= 65535)
        c.reads = True
        with c.lock: c.conn.acknowledge_received_data(65535, s)
        c.flush(); assert len(c.answer(s).body) == 8000000
    @case
    def extended_connect():
        c = Client(address); c.until(lambda: c.conn.remote_settings.enable_connect_protocol == 1)
        with c.lock:
            s = c.conn.get_next_available_stream_id(); c.answers[s] = Answer()
            c.conn.send_headers(s, [(':method', 'CONNECT'), (':protocol', 'websocket'), (':scheme', 'http'), (':path', '/chat'), (':authority', 'orders')])
        c.flush(); c.send(s, b'frame'); c.until(lambda: c.answers[s].body == b'frame')
        c.send(s, b'', True); assert c.answer(s).status == 200
    @case
    def plain_connect_is_refused():
        c = Client(address)
        with c.lock:
            s = c.conn.get_next_available_stream_id(); c.answers[s] = Answer()
            c.conn.send_headers(s, [(':method', 'CONNECT'), (':authority', 'elsewhere:443')])
        c.flush(); a = c.answer(s); assert a.status == 405, vars(a)

    bad = 0
    for f in cases:
        try: f(); print('ok  ', f.__name__, flush=True)
        except Exception as e: bad += 1; print('FAIL', f.__name__, type(e).__name__, str(e)[:300].replace('\n', ' '), flush=True)
    print(f'{bad} failed of {len(cases)}'); sys.exit(1 if bad else 0)


def keep(address):
    over = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
    client, names, count = None, [], 0
    while not over.is_set():
        if client is None or client.gone is not None: client = Client(address)
        a = client.answer(client.ask('/who'))
        assert a.status == 200, vars(a)
        count += 1
        if not names or names[-1] != a.headers['x-name']: names.append(a.headers['x-name']); print(names[-1], flush=True)
    print('asked', count)


if __name__ == '__main__':
    {'server': server, 'check': check, 'keep': keep}[sys.argv[1]](*sys.argv[2:])
