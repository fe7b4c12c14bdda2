"""Importing this keeps a client of a Jupyter kernel from missing replies.

libzmq tells of a message that has come once. If it comes just before the client sends one of its
own, as it does where `interact` draws, sending takes the news and nobody hears of it: the kernel
idles, and the client waits until it gives up. It is known to jupyter_client, whose pull request
1059 was not merged. So after each message that is sent, the socket is asked again.
"""

import functools

import zmq
from jupyter_client.channels import AsyncZMQSocketChannel


def asking_again(send):
    """Return `send` of a channel that asks its socket for what has come."""

    @functools.wraps(send)
    def send_and_ask(channel, message):
        send(channel, message)
        channel.socket.get(zmq.EVENTS)  # whereupon pyzmq wakes those who wait for it

    return send_and_ask


AsyncZMQSocketChannel.send = asking_again(AsyncZMQSocketChannel.send)
