"""
Ask a gRPC server whether it is well, by the standard health protocol; the container's health command.

Exit 0 when it serves, 1 when it does not or does not answer. The image holds no other probe, and needs none: what
is asked with here is what the server itself is made of.
"""

import sys

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

DEADLINE_S = 4.0


def main(target: str) -> int:
    """Return the exit code for the server at ``target``, a gRPC address such as ``127.0.0.1:4327``."""
    with grpc.insecure_channel(target) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(), timeout=DEADLINE_S, wait_for_ready=True
            )
        except grpc.RpcError as error:
            sys.stderr.write(f"{target} does not answer: {error.code().name}\n")
            return 1
    return 0 if answer.status == health_pb2.HealthCheckResponse.SERVING else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
