#ifndef HOLDFAST_SERVER_BASE_OPERATION_CLASS_H_
#define HOLDFAST_SERVER_BASE_OPERATION_CLASS_H_

namespace holdfast {

// What an operation needs of the node; part of the declaration of every route and SSH command.
enum class OperationClass {
  kRetrieve,     // reads what the caller may see; every node that can serve answers it
  kPrimaryOnly,  // changes state; refused on every node that is not primary
  kNode,         // about this node: health, metrics, status; always answered
};

// An OperationClass that has to be said: no default, so a route or a command without one does not
// compile.
struct DeclaredClass {
  constexpr DeclaredClass(OperationClass c) : value(c) {}  // NOLINT: meant to convert
  constexpr operator OperationClass() const { return value; }
  OperationClass value;
};

}  // namespace holdfast

#endif  // HOLDFAST_SERVER_BASE_OPERATION_CLASS_H_
