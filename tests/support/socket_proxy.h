#ifndef HOLDFAST_TESTS_SUPPORT_SOCKET_PROXY_H_
#define HOLDFAST_TESTS_SUPPORT_SOCKET_PROXY_H_

#include <list>
#include <string>
#include <thread>

#include "server/base/mutex.h"

namespace holdfast {

// Between a client and a server on Unix sockets: forwards bytes, and loses connections where a test
// wants it.
//
// Threading   Thread-safe; a thread for each connection.
class SocketProxy {
 public:
  // Listens in a new folder, under the same name as `target`.
  explicit SocketProxy(const std::string& target);
  ~SocketProxy();

  const std::string& folder() const { return folder_; }

  // What happens to the next connection whose client sends `marker`, once.
  enum class Fault {
    kNone,
    kBefore,  // the bytes with the marker are not forwarded
    kAfter,   // they are, and the server has answered; the answer is not forwarded
    kHang,    // they are not, and nobody is told
  };
  void Plan(Fault fault, const std::string& marker);
  bool planned() const;  // not yet done
  void Refuse(bool refuse);
  void CutAll();

 private:
  struct Pair {
    int client = -1;
    int server = -1;
    std::string tail;  // of what the client has sent: a marker may lie across two reads
    bool hangs = false;
    std::thread thread;
  };
  void Accept();
  void Serve(Pair& pair);
  // False when the connection is to end.
  bool FromClient(Pair& pair);
  Fault FaultFor(Pair& pair, const std::string& bytes);

  const std::string target_;
  std::string folder_;
  int listener_ = -1;
  mutable Mutex mu_;
  Fault fault_ ABSL_GUARDED_BY(mu_) = Fault::kNone;
  std::string marker_ ABSL_GUARDED_BY(mu_);
  bool refuse_ ABSL_GUARDED_BY(mu_) = false;
  std::list<Pair> pairs_ ABSL_GUARDED_BY(mu_);
  std::thread acceptor_;
};

}  // namespace holdfast

#endif  // HOLDFAST_TESTS_SUPPORT_SOCKET_PROXY_H_
